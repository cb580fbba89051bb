"""Traces that go to a collector by OpenTelemetry's SDK, over OTLP with HTTP; imported only where they are on."""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Tracer
from starlette.types import ASGIApp

from agent.messages import ChatModel
from app.channels.carrier import Carrier
from app.settings import BadSettings
from app.tracing import names
from app.tracing.libraries import Switch, find_switch
from app.tracing.parts import TracedCarrier, TracedConsumer, TracedModel, TracedPublisher, Watched
from app.tracing.port import FindCarrier, Tracing, WatchCall, WatchWrite
from app.tracing.requests import RequestTrace
from app.tracing.spans import begin, is_left_out, write_current
from events.consumer import Consumer
from events.ports import Clock, Publisher

LONGEST_TEXT = 200
"""Most characters of an attribute: some of the libraries' attributes repeat what a client has sent."""
CLOSE_SECONDS = 1.0
"""How long the end of the process waits for a collector that does not answer."""


class CollectorTracing(Tracing):
    """Spans of every part of a service, sent in batches by a thread."""

    def __init__(self, provider: TracerProvider, clock: Clock, system: str, version: str) -> None:
        self._provider = provider
        self._clock = clock
        self._system = system
        self._tracer: Tracer = provider.get_tracer(names.SCOPE, version)
        self._switch: Switch | None = find_switch()
        if self._switch is not None:
            self._switch.lead_to(provider)

    trace = staticmethod(write_current)

    def follow_calls(self, watch: WatchCall) -> WatchCall:
        """Return a watch with a span for each call."""

        def follow(operation: str, surface: str) -> AbstractContextManager[None]:
            if is_left_out():
                return watch(operation, surface)
            attributes = {names.TOOL: operation, names.SURFACE: surface}
            span = begin(self._tracer, f"{names.CALL} {operation}", SpanKind.INTERNAL, attributes)
            return Watched(span, watch(operation, surface))

        return follow

    def follow_writes(self, watch: WatchWrite) -> WatchWrite:
        """Return a watch with a span for each write until its commit."""

        def follow() -> AbstractContextManager[None]:
            if is_left_out():
                return watch()
            return Watched(begin(self._tracer, names.COMMIT, SpanKind.INTERNAL, {}), watch())

        return follow

    def follow_publisher(self, publisher: Publisher) -> Publisher:
        """Return a publisher with a span for each event."""
        return TracedPublisher(publisher, self._tracer, self._clock, self._system)

    def follow_consumers(self, consumers: Sequence[Consumer]) -> Sequence[Consumer]:
        """Return consumers with spans for delivery and reaction."""
        return tuple(
            TracedConsumer(each.name, each.types, each.react, self._tracer, self._system) for each in consumers
        )

    def follow_carriers(self, find: FindCarrier) -> FindCarrier:
        """Return how a carrier with a span for each attempt is found."""

        async def follow(kind: str) -> Carrier | None:
            carrier = await find(kind)
            return None if carrier is None else TracedCarrier(kind, carrier, self._tracer, self._clock)

        return follow

    def follow_model(self, model: ChatModel) -> ChatModel:
        """Return a model with a span for each request."""
        return TracedModel(model, self._tracer)

    def follow_requests(self, app: ASGIApp) -> ASGIApp:
        """Return an application whose requests belong to the traces that they name."""
        return RequestTrace(app, self._tracer)

    async def flush(self) -> None:
        """Send what there is by now."""
        await asyncio.to_thread(self._provider.force_flush)

    async def close(self) -> None:
        """Send what is left, unless the collector does not answer."""
        if self._switch is not None:
            self._switch.lead_away(self._provider)
        done, loop = asyncio.Event(), asyncio.get_running_loop()

        def shut_down() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # the loop may have ended
                loop.call_soon_threadsafe(done.set)

        # A thread of its own, which ends with the process: a loop waits for the threads of its pool.
        threading.Thread(target=shut_down, name="traces", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await done.wait()


def open_collector_tracing(endpoint: str, clock: Clock, *, version: str, is_embedded: bool) -> CollectorTracing:
    """Return traces that go to an OTLP endpoint; sampling, headers, limits and names are OpenTelemetry's variables.

    Raises `BadSettings` for one of these that cannot be used.
    """
    try:
        own = Resource({SERVICE_NAME: names.SERVICE, SERVICE_VERSION: version})
        provider = TracerProvider(
            resource=own.merge(OTELResourceDetector().detect()),
            span_limits=SpanLimits(max_span_attribute_length=LONGEST_TEXT),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    except (ValueError, TypeError) as error:
        raise BadSettings(f"A variable of OpenTelemetry (OTEL_…) cannot be used: {error}.") from None
    return CollectorTracing(provider, clock, names.EMBEDDED if is_embedded else names.DAPR, version)
