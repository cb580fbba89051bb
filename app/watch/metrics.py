"""The metrics of one process, in one registry of its own; no label names a person, a task or a token."""

from collections.abc import Sequence
from time import perf_counter
from types import TracebackType

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase

from app.watch.page import Page
from events.ports import Outcome, Outgoing, Publisher
from todo.errors import StorageUnavailable, TodoError

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
SLOW = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """The counters, histograms and gauges of a process."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when a series began is of no use here, and would double the page
        registry = self.registry = CollectorRegistry()
        self.calls = Counter("todo_calls", "Calls of operations.", ("tool", "surface", "outcome"), registry=registry)
        self.call_seconds = Histogram(
            "todo_call_seconds", "From a call to its answer.", ("tool",), buckets=FAST, registry=registry
        )
        self.write_seconds = Histogram(
            "todo_write_seconds", "From a write to its commit.", buckets=FAST, registry=registry
        )
        self.write_failures = Counter("todo_write_failures", "Writes that the database refused.", registry=registry)
        self.publish_seconds = Histogram(
            "todo_publish_seconds", "One batch of events to the broker.", buckets=FAST, registry=registry
        )
        self.published = Counter(
            "todo_published_events", "Events handed to the broker.", ("outcome",), registry=registry
        )
        self.sent = Counter(
            "todo_channel_attempts", "Attempts to reach a channel.", ("kind", "outcome"), registry=registry
        )
        self.removed = Counter("todo_removed_rows", "Rows removed since they were old.", ("what",), registry=registry)
        self.refusals = Counter("todo_refused_requests", "Requests that were refused.", ("status",), registry=registry)
        self.streams = Gauge("todo_open_streams", "Streams that are open.", registry=registry)
        self.model_calls = Counter(
            "todo_model_calls", "Requests to a language model.", ("model", "outcome"), registry=registry
        )
        self.model_seconds = Histogram(
            "todo_model_seconds",
            "From a request to a model to the end of its answer.",
            ("model",),
            buckets=SLOW,
            registry=registry,
        )
        self.model_tokens = Counter(
            "todo_model_tokens", "Tokens of language models.", ("model", "direction"), registry=registry
        )
        self.labels = {
            each._name: each._labelnames  # noqa: SLF001  # there is no public way to ask
            for each in vars(self).values()
            if isinstance(each, MetricWrapperBase)
        }
        self.page = Page(registry)
        self._bound: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}

    def note_call(self, tool: str, surface: str, outcome: str, seconds: float) -> None:
        """Count one call; `outcome` is ok or the code of its refusal."""
        key = (tool, surface, outcome)
        bound = self._bound.get(key)
        if bound is None:
            # Bound once: looking labels up costs three times what the count does.
            bound = self._bound[key] = (self.calls.labels(*key), self.call_seconds.labels(tool))
        bound[0].inc()
        bound[1].observe(seconds)

    def note_attempt(self, kind: str, outcome: str) -> None:
        """Count one attempt to reach a channel."""
        self.sent.labels(kind, outcome).inc()

    def note_removed(self, what: str, count: int) -> None:
        """Count rows that the retention has removed."""
        self.removed.labels(what).inc(count)


class CallWatch:
    """Times one call and counts it with its outcome."""

    __slots__ = ("_began", "_metrics", "_surface", "_tool")

    def __init__(self, metrics: Metrics, tool: str, surface: str) -> None:
        self._metrics = metrics
        self._tool = tool
        self._surface = surface
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outcome = "ok" if error is None else error.code if isinstance(error, TodoError) else "failed"
        self._metrics.note_call(self._tool, self._surface, outcome, perf_counter() - self._began)


class WriteWatch:
    """Times one write until its commit; one that the database refuses is counted."""

    __slots__ = ("_began", "_metrics")

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._metrics.write_seconds.observe(perf_counter() - self._began)
        elif isinstance(error, StorageUnavailable):
            self._metrics.write_failures.inc()


class WatchedPublisher:
    """A publisher that counts what becomes of events."""

    def __init__(self, publisher: Publisher, metrics: Metrics) -> None:
        self._publisher = publisher
        self._metrics = metrics

    async def publish(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Publish a batch."""
        began = perf_counter()
        outcomes: list[Outcome] = []
        try:
            outcomes = await self._publisher.publish(batch)
        finally:
            self._metrics.publish_seconds.observe(perf_counter() - began)
            for outcome in outcomes:
                self._metrics.published.labels(outcome.status).inc()
        return outcomes
