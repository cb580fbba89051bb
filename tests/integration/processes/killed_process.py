"""A process that makes one REST call and is killed in the middle of it.

Started as `python -m tests.integration.processes.killed_process PATH KEY AT`.

AT is the number of the statement before which it ends, or `answered`: after the commit, before the answer is used.
"""

import os
import signal
import sys
from itertools import count
from typing import Any

import anyio
import httpx2
from sqlalchemy import Engine, event

from app.http.app import build_app
from app.service import open_service
from app.settings import load_settings
from tests.clock import CountedIds, MovableClock
from tests.world import URL


def die() -> None:
    """End as `kill -9` does: nothing is closed, rolled back or flushed."""
    os.kill(os.getpid(), signal.SIGKILL)


def count_down(at: int) -> None:
    """End before the statement with this number, counted from now on."""
    numbers = count(1)

    @event.listens_for(Engine, "before_cursor_execute")
    def look(*_: Any) -> None:
        if next(numbers) == at:
            die()


async def run(path: str, key: str, at: str, body: str) -> None:
    async with open_service(load_settings(), MovableClock(), CountedIds(1_000_000)) as service:
        app = build_app(service, background=False)
        transport = httpx2.ASGITransport(app=app)
        async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url=URL) as http:
            if at != "answered":
                count_down(int(at))
            headers = {"Idempotency-Key": key, "content-type": "application/json"}
            response = await http.post(f"/api{path}", content=body, headers=headers)
            print(response.status_code, response.text[:200], flush=True)
            if at == "answered":
                die()


if __name__ == "__main__":
    path, key, at, body = sys.argv[1:]
    anyio.run(run, path, key, at, body)
