"""The settings of what is kept and what is seen: retention, the log, the port of the metrics, and traces."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings

_PERIOD = re.compile(r"([1-9][0-9]{0,4})([dh])")
_ADDRESS = re.compile(r"https?://[^\s/?#]+(?:/[^\s?#]*)?")
FOREVER = "forever"
LEAST_EVENTS = timedelta(days=3)
"""What goes to channels is tried for a day, and after quiet hours for another one: until then its event is needed."""
LEAST = timedelta(days=1)


def read_period(text: str) -> timedelta | None:
    """Return how long `7d`, `36h` or `forever` is, None for the last one; raises `ValueError`."""
    if text == FOREVER:
        return None
    if (match := _PERIOD.fullmatch(text)) is None:
        raise ValueError("a period such as 7d or 36h is needed, or forever")
    return timedelta(**{"days" if match[2] == "d" else "hours": int(match[1])})


def _check_period(text: str) -> str:
    read_period(text)
    return text


Period = Annotated[str, AfterValidator(_check_period)]
"""How long something is kept: `7d`, `36h` or `forever`."""


class UpkeepSettings(BaseSettings):
    """The part of the settings that says what is kept and what is seen."""

    log: Literal["text", "json"] = "text"
    """The log of `serve`, `worker` and `mcp`: `text` for people, `json` for programs that collect it
    ([logs](operating/logs.md))."""
    metrics_port: int | None = Field(None, ge=1, le=65_535)
    """A port for `GET /metrics` alone, which asks for no token there and is not served on `TODO_PORT` any more
    ([metrics](operating/metrics.md))."""
    metrics_host: str = "127.0.0.1"
    """The address of that port; on any other than loopback a network has to keep strangers away from it."""
    otlp_endpoint: str | None = Field(None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """OpenTelemetry's own: the collector to which traces go, by OTLP over HTTP, such as `http://127.0.0.1:4318`;
    without it nothing is traced ([traces](operating/traces.md))."""
    otlp_traces_endpoint: str | None = Field(None, validation_alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    """OpenTelemetry's own: the same for traces alone, with the whole path."""
    otlp_protocol: str | None = Field(None, validation_alias="OTEL_EXPORTER_OTLP_PROTOCOL")
    """OpenTelemetry's own: `http/protobuf` is the one that is spoken here."""
    traces_exporter: str | None = Field(None, validation_alias="OTEL_TRACES_EXPORTER")
    """OpenTelemetry's own: `none` traces nothing, even with an endpoint."""
    otel_disabled: str | None = Field(None, validation_alias="OTEL_SDK_DISABLED")
    """OpenTelemetry's own: `true` traces nothing, even with an endpoint."""
    retention_events: Period = "7d"
    """How long published events and their deliveries are kept, such as `7d`, `72h` or `forever`; at least three days
    ([retention](operating/retention.md))."""
    retention_inbox: Period = "14d"
    """How long it is known which events were reacted to; as long as the events at least, and as long as a broker may
    bring an event again."""
    retention_plans: Period = "1d"
    """How long plans, and questions that were asked, are kept; at least a day."""
    retention_activity: Period = "400d"
    """How long the activity feed, notifications, and dead letters that cannot be read are kept; at least a day."""

    @property
    def kept_events(self) -> timedelta | None:
        """How long published events are kept; None stands for ever, as for the others."""
        return read_period(self.retention_events)

    @property
    def kept_inbox(self) -> timedelta | None:
        """How long the inbox is kept."""
        return read_period(self.retention_inbox)

    @property
    def kept_plans(self) -> timedelta | None:
        """How long plans and questions are kept."""
        return read_period(self.retention_plans)

    @property
    def kept_activity(self) -> timedelta | None:
        """How long the activity feed and notifications are kept."""
        return read_period(self.retention_activity)

    @property
    def traces_address(self) -> str | None:
        """Where spans are sent; None where nothing is traced."""
        if (self.otel_disabled or "").lower() == "true" or self.traces_exporter == "none":
            return None
        if self.otlp_traces_endpoint:
            return self.otlp_traces_endpoint
        return f"{self.otlp_endpoint.rstrip('/')}/v1/traces" if self.otlp_endpoint else None

    def find_upkeep_problems(self) -> Iterator[str]:
        """Yield what does not go together."""
        others = {"TODO_PORT": getattr(self, "port", None), "TODO_EVENTS_PORT": getattr(self, "events_port", None)}
        for name, port in others.items():
            if self.metrics_port is not None and self.metrics_port == port:
                yield f"TODO_METRICS_PORT={port}: {name} is the same; give the metrics a port of their own"
        yield from self._find_trace_problems()
        for name, least, words in (
            ("events", LEAST_EVENTS, "3d"),
            ("plans", LEAST, "1d"),
            ("activity", LEAST, "1d"),
        ):
            given = getattr(self, f"retention_{name}")
            if _is_shorter(read_period(given), least):
                yield f"TODO_RETENTION_{name.upper()}={given}: at least {words} is needed"
        if _is_shorter(self.kept_inbox, self.kept_events):
            yield (
                f"TODO_RETENTION_INBOX={self.retention_inbox}: shorter than TODO_RETENTION_EVENTS="
                f"{self.retention_events}; what is kept of events needs the inbox"
            )

    def _find_trace_problems(self) -> Iterator[str]:
        if self.traces_address is None:
            return
        given = (("", self.otlp_endpoint), ("_TRACES", self.otlp_traces_endpoint))
        for part, address in given:
            if address and not _ADDRESS.fullmatch(address):
                yield f"OTEL_EXPORTER_OTLP{part}_ENDPOINT={address}: an address such as http://127.0.0.1:4318 is needed"
        if self.otlp_protocol not in (None, "", "http/protobuf"):
            yield f"OTEL_EXPORTER_OTLP_PROTOCOL={self.otlp_protocol}: only http/protobuf is spoken here"


def _is_shorter(kept: timedelta | None, least: timedelta | None) -> bool:
    return kept is not None and (least is None or kept < least)
