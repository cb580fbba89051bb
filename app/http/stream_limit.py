"""How many streams one caller may hold open: middleware inside the gate, for REST and MCP alike."""

from collections import Counter

from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.edge import MCP_PATH
from app.identity import CALLER_KEY, Caller
from app.problems import refuse_at

MOST_A_TOKEN = 4
"""The most streams of one token, or of one session of the page."""
MOST_A_PERSON = 16
"""The most streams of one person, by all tokens and sessions together."""
MOST_ALONE = 64
"""The most streams in `local` mode."""
RETRY_SECONDS = 30
_LISTEN = b"subscriptions/listen"


class StreamLimit:
    """ASGI middleware that answers 429 to a caller who holds as many streams as they may."""

    def __init__(self, app: ASGIApp, most_a_token: int, most_a_person: int) -> None:
        self._app = app
        self._most = (most_a_token, most_a_person)
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; count it while it lasts if it opens a stream."""
        caller: Caller | None = scope.get(CALLER_KEY)
        if caller is None or not opens_stream(scope):
            await self._app(scope, receive, send)
            return
        keys = (f"token:{caller.credential}", f"person:{caller.user_id}")
        for key, most in zip(keys, self._most, strict=True):
            if self._open[key] >= most:
                whose = "this token" if key is keys[0] else "this person"
                text = f"{most} streams of {whose} are open, and no more may be. Close one, then open this one again."
                response = refuse_at(scope["path"], 429, "rate_limited", text)
                response.headers["Retry-After"] = str(RETRY_SECONDS)
                await response(scope, receive, send)
                return
        self._open.update(keys)
        try:
            await self._app(scope, receive, send)
        finally:
            self._open.subtract(keys)
            for key in keys:
                if not self._open[key]:
                    del self._open[key]


def opens_stream(scope: Scope) -> bool:
    """Return whether a request is answered by a stream that lasts: turns of a conversation are counted as turns."""
    if scope["path"] != MCP_PATH:
        return bool(scope["method"] == "GET" and scope["path"].endswith("/stream"))
    # The server refuses a call whose body names another method than this header.
    return any(name == b"mcp-method" and value.strip() == _LISTEN for name, value in scope["headers"])
