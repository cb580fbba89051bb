"""Spans: begun, made current, and ended with what became of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Token
from datetime import timedelta
from types import TracebackType
from typing import Self

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
)

from app.log_lines import TRACE_ID
from app.tracing.names import ERROR_TYPE
from events.cloudevent import Traced
from events.instants import read_instant
from todo.errors import TodoError

SOON = timedelta(minutes=1)
"""What follows an event this soon is a part of its trace; what comes later has a trace of its own, with a link."""


def read_parent(traceparent: str) -> SpanContext:
    """Return the context in a `traceparent` that is well formed."""
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def is_sampled(traceparent: str) -> bool:
    """Return whether the trace of a `traceparent` is recorded: the lowest bit of its last two digits."""
    return bool(int(traceparent[-1], 16) & 1)


def is_left_out() -> bool:
    """Return whether what runs now belongs to a trace that is not recorded."""
    current = get_current_span().get_span_context()
    return current.is_valid and not current.trace_flags.sampled


def write_current() -> str | None:
    """Return the `traceparent` of what runs now; None without a trace."""
    current = get_current_span().get_span_context()
    if not current.is_valid:
        return None
    return f"00-{current.trace_id:032x}-{current.span_id:016x}-{current.trace_flags:02x}"


class Entered:
    """A context in which a span is the current one; it ends with the context, and its error is the context's."""

    __slots__ = ("_line", "_token", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self._token: Token[Context] | None = None
        self._line: Token[str] | None = None

    def __enter__(self) -> Self:
        """Make the span the current one."""
        self._token = attach(set_span_in_context(self.span))
        if self.span.is_recording():
            self._line = TRACE_ID.set(f"{self.span.get_span_context().trace_id:032x}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the span."""
        if self._line is not None:
            TRACE_ID.reset(self._line)
        if self._token is not None:
            detach(self._token)
        if error is not None:
            note_failure(self.span, name_error(error))
        self.span.end()


def name_error(error: BaseException) -> str:
    """Return what names an error: its code or its class, never its text."""
    return error.code if isinstance(error, TodoError) else type(error).__name__


def note_failure(span: Span, name: str) -> None:
    """Say that what a span stands for has failed."""
    span.set_attribute(ERROR_TYPE, name)
    span.set_status(StatusCode.ERROR)


def begin(
    tracer: Tracer, name: str, kind: SpanKind, attributes: Mapping[str, str], traceparent: str | None = None
) -> Span:
    """Begin a span below what runs now, or below a `traceparent`."""
    context = (
        None if traceparent is None else set_span_in_context(NonRecordingSpan(read_parent(traceparent)), Context())
    )
    return tracer.start_span(name, context, kind, attributes, None, None, False, False)


def begin_after(
    tracer: Tracer, name: str, kind: SpanKind, attributes: Mapping[str, str], event: Traced, now: str
) -> Span:
    """Begin a span that follows an event."""
    if timedelta() <= read_instant(now) - read_instant(event.at) <= SOON:
        return begin(tracer, name, kind, attributes, event.traceparent)
    links = [Link(read_parent(event.traceparent))]
    return tracer.start_span(name, Context(), kind, attributes, links, None, False, False)


def begin_below(tracer: Tracer, name: str, attributes: Mapping[str, str], parent: Span) -> Span:
    """Begin a span below another one."""
    return tracer.start_span(name, set_span_in_context(parent, Context()), SpanKind.INTERNAL, attributes)


@contextmanager
def end_all(spans: Sequence[Span]) -> Iterator[None]:
    """End spans with the context; its error is that of each."""
    try:
        yield
    except BaseException as error:
        for span in spans:
            note_failure(span, name_error(error))
        raise
    finally:
        for span in spans:
            span.end()
