"""A consumer in its own process that only records when each event reached its handler."""

import asyncio
import json
import sys
from time import perf_counter

import uvicorn
from pydantic_core import from_json, to_json
from starlette.types import Receive, Scope, Send

from app.http.server import bind
from app.runtime import calm_collector, run_program


class Notes:
    """ASGI application: accepts any event and lists the arrival times at `/seen`; `/forget` clears them.

    `/send/` takes pushes, which are listed by their topic; `/hang/` answers nothing.
    """

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        at = perf_counter()  # the machine's monotonic clock, shared by all processes
        if scope["type"] != "http":
            return
        path = scope["path"]
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        answer = b'{"status":"SUCCESS"}'
        if path.startswith("/hang/"):
            await asyncio.sleep(60)
        elif path.startswith("/send/"):
            self.seen.setdefault(dict(scope["headers"]).get(b"topic", b"").decode(), at)
        elif path.startswith("/events/"):
            self.seen.setdefault(from_json(body)["id"], at)
        elif path == "/dapr/subscribe":
            answer = b"[]"  # the subscriptions are declared in files
        elif path == "/seen":
            answer = to_json(self.seen)
        elif path == "/count":
            answer = b"%d" % len(self.seen)
        elif path == "/forget":
            self.seen.clear()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


async def serve(port: int) -> None:
    """Serve until a signal ends it."""
    listener = bind("127.0.0.1", port)
    calm_collector()
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    config = uvicorn.Config(Notes(), log_level="warning", access_log=False, lifespan="off")
    await uvicorn.Server(config).serve([listener])


if __name__ == "__main__":
    run_program(serve(int(sys.argv[1])))
