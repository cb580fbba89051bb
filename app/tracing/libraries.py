"""The spans of libraries, which know one provider for the whole process: it leads to the traces that are open."""

from contextvars import Token
from typing import Any

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    NoOpTracer,
    ProxyTracerProvider,
    Span,
    Tracer,
    TracerProvider,
    get_tracer_provider,
    set_span_in_context,
    set_tracer_provider,
    use_span,
)

_NONE = NoOpTracer()


class Switch(TracerProvider):
    """A provider that leads to another one, or to nothing."""

    def __init__(self) -> None:
        self.provider: TracerProvider | None = None

    def lead_to(self, provider: TracerProvider) -> None:
        """Let the spans of libraries go to a provider from now on."""
        self.provider = provider

    def lead_away(self, provider: TracerProvider) -> None:
        """Let them go nowhere, if they still go to this provider."""
        if self.provider is provider:
            self.provider = None

    def get_tracer(self, *given: Any, **named: Any) -> Tracer:
        """Return a tracer that follows the switch."""
        return _SwitchedTracer(self, given, named)


class _SwitchedTracer(Tracer):
    def __init__(self, switch: Switch, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._switch = switch
        self._given = given
        self._named = named
        self._known: tuple[TracerProvider | None, Tracer] = (None, _NONE)

    def start_span(self, *given: Any, **named: Any) -> Any:
        """Start a span where the switch leads."""
        return self._find().start_span(*given, **named)

    def start_as_current_span(self, *given: Any, **named: Any) -> Any:
        """Start a span there as the current one."""
        tracer = self._find()
        notes = (named.get("record_exception"), named.get("set_status_on_exception"))
        if tracer is _NONE or notes != (False, False) or "end_on_exit" in named:
            return tracer.start_as_current_span(*given, **named)
        span = tracer.start_span(*given, **named)
        if not span.is_recording():
            # The SDK's own context takes longer than all else that is done for a span that is not recorded.
            return _Current(span)
        return use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False)

    def _find(self) -> Tracer:
        provider = self._switch.provider
        if provider is not self._known[0]:
            tracer = _NONE if provider is None else provider.get_tracer(*self._given, **self._named)
            self._known = (provider, tracer)
        return self._known[1]


class _Current:
    """A context in which a span that is not recorded is the current one."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span
        self._token: Token[Context] | None = None

    def __enter__(self) -> Span:
        self._token = attach(set_span_in_context(self._span))
        return self._span

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            detach(self._token)


def find_switch() -> Switch | None:
    """Return the process's switch, made at the first call; None where the process has a provider of its own."""
    known = get_tracer_provider()
    if isinstance(known, ProxyTracerProvider):
        made = Switch()
        set_tracer_provider(made)
        return made
    return known if isinstance(known, Switch) else None
