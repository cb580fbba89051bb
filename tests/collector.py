"""A collector of traces on a loopback port: takes OTLP over HTTP, and keeps each span as it came."""

import threading
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Seen:
    """One span; `parent` is "" for the first of a trace, `links` are the ids of spans."""

    name: str
    trace: str
    span: str
    parent: str
    attributes: dict[str, Any]
    links: tuple[str, ...]
    failed: bool
    service: str


class Collector:
    """Takes spans inside a `with` block."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        self.raw = b""
        self._changed = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # http.server calls it so
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path == "/v1/traces":
                    collector.take(body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def take(self, body: bytes) -> None:
        """Keep the spans of one request."""
        with self._changed:
            self.raw += body
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = _read(resource.resource.attributes)["service.name"]
                for scope in resource.scope_spans:
                    self.spans += [_read_span(span, service) for span in scope.spans]
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget what came."""
        self.spans, self.raw = [], b""

    def by_trace(self) -> dict[str, list[Seen]]:
        """Return the spans of each trace."""
        found: dict[str, list[Seen]] = defaultdict(list)
        for span in self.spans:
            found[span.trace].append(span)
        return found

    def wait_for(self, trace: str, names: set[str], seconds: float = 30) -> list[Seen]:
        """Wait until a trace has spans of all these names; return them all."""
        with self._changed:
            self._changed.wait_for(lambda: names <= {each.name for each in self.by_trace()[trace]}, seconds)
            return self.by_trace()[trace]


def _read_span(span: Any, service: str) -> Seen:
    return Seen(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        _read(span.attributes),
        tuple(link.span_id.hex() for link in span.links),
        span.status.code == 2,
        service,
    )


def _read(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
