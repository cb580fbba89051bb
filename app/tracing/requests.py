"""Requests in traces: a `traceparent` that comes along is the parent; what changes something has a span of its own."""

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import SpanKind, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.tracing import names
from app.tracing.spans import Entered, begin, note_failure

_SPANNED = ("/api/", "/v1/")
_LOOKS = ("GET", "HEAD", "OPTIONS")
_READER = TraceContextTextMapPropagator()
_HEADERS = (b"traceparent", b"tracestate")


class RequestTrace:
    """ASGI middleware that puts a request into the trace that its header names.

    Calls over MCP have a span by the MCP SDK; requests that only look have none besides their operation's.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = attach(_read_context(scope))
        try:
            if scope["method"] in _LOOKS or not scope["path"].startswith(_SPANNED):
                await self._app(scope, receive, send)
            else:
                await self._answer(scope, receive, send)
        finally:
            detach(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        span = begin(self._tracer, method, SpanKind.SERVER, {names.METHOD: method})

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.set_attribute(names.STATUS, message["status"])
                if message["status"] >= 500:
                    note_failure(span, str(message["status"]))
            await send(message)

        with Entered(span):
            try:
                await self._app(scope, receive, note)
            finally:
                if route := _find_route(scope):
                    span.update_name(f"{method} {route}")
                    span.set_attribute(names.ROUTE, route)


def _find_route(scope: Scope) -> str:
    """Return the template of the path, since the path itself names tasks; "" where there is no route."""
    route: str = getattr(scope.get("route"), "path", "")
    surface = scope["path"][: scope["path"].index("/", 1)]
    return route if not route or route.startswith(surface) else surface + route


def _read_context(scope: Scope) -> Context:
    """Return the context that the headers name, the empty one for none or for a bad one."""
    carried = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _HEADERS}
    if not carried:
        return Context()
    context = _READER.extract(carried, Context())
    return context if get_current_span(context).get_span_context().is_valid else Context()
