"""Whether a service is traced."""

from app.settings import BadSettings, Settings
from app.tracing.port import Tracing
from events.ports import Clock


def open_tracing(settings: Settings, clock: Clock, version: str) -> Tracing:
    """Return how a service is traced; raises `BadSettings` where OpenTelemetry is wanted and missing."""
    if settings.traces_address is None:
        return Tracing()
    try:
        from app.tracing.opened import open_collector_tracing
    except ModuleNotFoundError as missing:
        raise BadSettings(
            f"Traces are wanted (OTEL_EXPORTER_OTLP_ENDPOINT), and the package of {missing.name} is not installed: "
            "install evolution-todo[traces], or unset that variable."
        ) from None
    is_embedded = settings.broker == "memory"
    return open_collector_tracing(settings.traces_address, clock, version=version, is_embedded=is_embedded)
