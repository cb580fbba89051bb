"""The parts of a service with a span around what they do: calls, commits, publishing, reactions, channels, models."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType

from opentelemetry.trace import Span, SpanKind, Tracer
from sqlalchemy import Connection

from agent.messages import ChatModel, Finished, ModelFailed, ModelRequest, Piece
from app.channels.carrier import Carrier, Outcome
from app.tracing import names
from app.tracing.spans import Entered, begin, begin_after, begin_below, end_all, is_sampled, note_failure
from events.catalog import TaskEvent
from events.cloudevent import Traced, find_trace
from events.consumer import Answer, Consumer
from events.instants import write_instant
from events.ports import Clock, Outgoing, Publisher
from events.ports import Outcome as Published
from todo.channels.channels import Given
from todo.channels.queue import Parcel


class Watched:
    """A span around a context that watches the same."""

    __slots__ = ("_entered", "_watch")

    def __init__(self, span: Span, watch: AbstractContextManager[None]) -> None:
        self._entered = Entered(span)
        self._watch = watch

    def __enter__(self) -> None:
        """Enter both."""
        self._entered.__enter__()
        self._watch.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave both."""
        self._watch.__exit__(kind, error, trace)
        self._entered.__exit__(kind, error, trace)


class TracedPublisher:
    """A publisher with a span for each event whose change is traced, as long as the batch takes."""

    def __init__(self, publisher: Publisher, tracer: Tracer, clock: Clock, system: str) -> None:
        self._publisher = publisher
        self._tracer = tracer
        self._clock = clock
        self._system = system

    async def publish(self, batch: Sequence[Outgoing]) -> list[Published]:
        """Publish a batch."""
        spans = {each.event_id: span for each in batch if (span := self._begin(each)) is not None}
        if not spans:
            return await self._publisher.publish(batch)
        outcomes: list[Published] = []
        try:
            outcomes = await self._publisher.publish(batch)
            return outcomes
        finally:
            became = {each.event_id: each.status for each in outcomes}
            for event_id, span in spans.items():
                if (status := became.get(event_id, "unknown")) != "published":
                    note_failure(span, status)
                span.end()

    def _begin(self, event: Outgoing) -> Span | None:
        trace = find_trace(event.payload)
        if trace is None or not is_sampled(trace.traceparent):
            return None
        attributes = {
            names.SYSTEM: self._system,
            names.OPERATION: names.SEND,
            names.DESTINATION: event.event_type,
            names.MESSAGE: event.event_id,
        }
        title, now = f"{names.PUBLISH} {event.event_type}", write_instant(self._clock.now())
        return begin_after(self._tracer, title, SpanKind.PRODUCER, attributes, trace, now)


@dataclass(frozen=True, slots=True)
class TracedConsumer(Consumer):
    """A consumer with a span for each delivery whose event is traced, and one for the reaction in it.

    Events that come together are delivered together, and so are their spans.
    """

    tracer: Tracer
    system: str

    def deliver(self, connection: Connection, events: Sequence[TaskEvent], now: str) -> Answer:
        """React once to each event, as the consumer does."""
        spans = {each.event_id: span for each in events if (span := self._begin(each, now)) is not None}
        if not spans:
            return Consumer.deliver(self, connection, events, now)
        following = replace(self, react=partial(self._react_traced, spans))
        with end_all(list(spans.values())):
            return Consumer.deliver(following, connection, events, now)

    def _begin(self, event: TaskEvent, now: str) -> Span | None:
        traceparent = event.traceparent
        if traceparent is None or event.event_type not in self.types or not is_sampled(traceparent):
            return None
        attributes = {
            names.SYSTEM: self.system,
            names.OPERATION: names.PROCESS,
            names.DESTINATION: event.event_type.value,
            names.GROUP: self.name,
            names.MESSAGE: event.event_id,
        }
        title, trace = f"{names.DELIVER} {event.event_type.value}", Traced(event.timestamp, traceparent)
        return begin_after(self.tracer, title, SpanKind.CONSUMER, attributes, trace, now)

    def _react_traced(self, spans: Mapping[str, Span], connection: Connection, events: Sequence[TaskEvent]) -> None:
        title, attributes = f"{names.REACTION} {self.name}", {names.CONSUMER: self.name}
        below = [spans[each.event_id] for each in events if each.event_id in spans]
        with end_all([begin_below(self.tracer, title, attributes, each) for each in below]):
            self.react(connection, events)


class TracedCarrier:
    """A carrier with a span around each attempt to send what is traced."""

    def __init__(self, kind: str, carrier: Carrier, tracer: Tracer, clock: Clock) -> None:
        self._kind = kind
        self._carrier = carrier
        self._tracer = tracer
        self._clock = clock

    async def check(self, given: Given) -> None:
        """Check what a person gave for a channel."""
        await self._carrier.check(given)

    async def send(self, parcel: Parcel, link: str) -> Outcome:
        """Make one attempt."""
        trace = find_trace(parcel.payload)
        if trace is None or not is_sampled(trace.traceparent):
            return await self._carrier.send(parcel, link)
        title, now = f"{names.CHANNEL} {self._kind}", write_instant(self._clock.now())
        attributes = {names.KIND: self._kind, names.MESSAGE: parcel.event_id}
        span = begin_after(self._tracer, title, SpanKind.CLIENT, attributes, trace, now)
        with Entered(span):
            outcome = await self._carrier.send(parcel, link)
            span.set_attribute(names.OUTCOME, outcome.state)
            if outcome.state != "sent":
                note_failure(span, outcome.state)
            return outcome


class TracedModel:
    """A model with a span around each request; nothing of what is said is kept."""

    def __init__(self, model: ChatModel, tracer: Tracer) -> None:
        self._model = model
        self._tracer = tracer

    @property
    def name(self) -> str:
        """The model's id."""
        return self._model.name

    async def answer(self, request: ModelRequest) -> AsyncIterator[Piece]:
        """Yield the model's answer."""
        attributes = {names.MODEL_OPERATION: names.MODEL, names.MODEL_REQUESTED: self.name}
        # Not the current span: a stream may be closed by another task than the one that began it.
        span = begin(self._tracer, f"{names.MODEL} {self.name}", SpanKind.CLIENT, attributes)
        pieces = self._model.answer(request)
        try:
            async for piece in pieces:
                if isinstance(piece, Finished):
                    span.set_attribute(names.TOKENS_IN, piece.input_tokens)
                    span.set_attribute(names.TOKENS_OUT, piece.output_tokens)
                yield piece
        except ModelFailed as error:
            note_failure(span, error.code)
            raise
        finally:
            if (close := getattr(pieces, "aclose", None)) is not None:
                await close()
            span.end()
