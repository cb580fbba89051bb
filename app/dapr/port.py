"""The sidecar's port: its routes on a port of their own, so that a network can tell its callers apart."""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.dapr.routes import GUARDED
from app.problems import write_problem

HEALTH = ("/healthz", "/readyz")
"""What both ports answer: daprd asks for the health of the port that it calls."""


class SidecarPort:
    """ASGI middleware that answers the sidecar's routes on its port alone, and there nothing else but health.

    On the wrong port each path is unknown: 404, with whichever token.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 404."""
        if scope["type"] == "http" and not self._serves(scope):
            await write_problem(404, "not_found", "This is not served on this port.")(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _serves(self, scope: Scope) -> bool:
        path: str = scope["path"]
        server: tuple[str, int | None] | None = scope.get("server")
        if path in HEALTH:
            return True
        return path.startswith(GUARDED) == (server is not None and server[1] == self._port)
