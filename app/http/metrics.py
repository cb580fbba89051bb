"""`GET /metrics`: what Prometheus reads; and the count of refusals and of streams."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.routes import PlainRoute
from app.http.stream_limit import opens_stream
from app.identity import identify_rest
from app.log_lines import TRACE_ID, read_trace
from app.problems import write_problem
from app.service import Service
from app.watch.metrics import Metrics
from app.watch.refusals import RefusalLog
from todo.record.scopes import ADMIN

PATH = "/metrics"
HEALTH = "/healthz"
_COUNTED = frozenset((401, 403, 409, 412, 413, 421, 422, 429, 500, 503))


def build_metrics_routes(service: Service) -> APIRouter:
    """Return the route; in `token` mode it wants an admin."""
    router = APIRouter(route_class=PlainRoute, tags=["health"])

    @router.get(PATH)
    async def metrics(request: Request) -> Response:
        identify_rest(request, ADMIN)
        return await write_metrics(service)

    return router


async def write_metrics(service: Service) -> Response:
    """Return the process's metrics in Prometheus' text format."""
    await service.state.refresh()
    content = service.metrics.page.write()
    return Response(content, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})


class MetricsPort:
    """ASGI middleware that answers `GET /metrics` on its port alone, and there nothing else but `/healthz`.

    Who reaches that port may read: it is bound to loopback, or to a network of the operator's own.
    """

    def __init__(self, app: ASGIApp, port: int, service: Service) -> None:
        self._app = app
        self._port = port
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        server: tuple[str, int | None] | None = scope.get("server")
        is_ours, asks = server is not None and server[1] == self._port, scope["path"] == PATH
        if is_ours and asks and scope["method"] in ("GET", "HEAD"):
            await (await write_metrics(self._service))(scope, receive, send)
        elif is_ours and scope["path"] == HEALTH:
            await Response("ok", media_type="text/plain")(scope, receive, send)
        elif is_ours or asks:
            await write_problem(404, "not_found", "This is not served on this port.")(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class RequestWatch:
    """ASGI middleware that counts refusals by their status, and the streams that are open.

    With a log of refusals it writes them there, and says to the log which trace a request belongs to.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, refusals: RefusalLog | None = None) -> None:
        self._app = app
        self._metrics = metrics
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in _COUNTED:
                self._metrics.refusals.labels(message["status"]).inc()
                if self._refusals is not None:
                    self._refusals.note(scope["path"], message["status"])
            await send(message)

        if self._refusals is not None:
            # Each request has a context of its own.
            TRACE_ID.set(read_trace(dict(scope["headers"]).get(b"traceparent", b"")))

        if not opens_stream(scope):
            await self._app(scope, receive, note)
            return
        with self._metrics.streams.track_inprogress():
            await self._app(scope, receive, note)
