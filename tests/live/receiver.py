"""A small application behind a daprd that records deliveries and answers as the test sets."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import uvicorn
from fastapi import FastAPI, Request

from infra.live.programs import wait_until

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call of daprd: where, with which headers (lower case), and the envelope."""

    path: str
    headers: dict[str, str]
    event: dict[str, Any]


class Receiver:
    """Serves on a loopback port inside a `with` block."""

    def __init__(self, port: int, answer: Callable[[Delivery], str] = lambda _: "SUCCESS") -> None:
        self.port = port
        self.answer = answer
        self.deliveries: list[Delivery] = []
        self.ticks = 0
        self._changed = threading.Condition()
        self._server = uvicorn.Server(
            uvicorn.Config(self._build(), host="127.0.0.1", port=port, log_level="error", lifespan="off")
        )
        self._thread = threading.Thread(target=self._server.run)

    def _build(self) -> FastAPI:
        app = FastAPI()

        @app.get("/healthz")
        async def healthz() -> dict[str, str]:
            return {}

        @app.post("/bindings/recurring-scheduler")
        async def tick() -> dict[str, int]:
            self.ticks += 1
            return {"processed": 0}

        @app.post("/events/{kind}")
        async def receive(kind: str, request: Request) -> dict[str, str]:
            delivery = Delivery(f"/events/{kind}", dict(request.headers), json.loads(await request.body()))
            with self._changed:
                self.deliveries.append(delivery)
                self._changed.notify_all()
            return {"status": self.answer(delivery)}

        return app

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started, SECONDS, "the receiver listens")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(SECONDS)

    def wait_for(self, ids: set[str]) -> dict[str, Delivery]:
        """Wait for events with all these ids; return the first delivery of each."""
        with self._changed:
            assert self._changed.wait_for(lambda: ids <= {each.event["id"] for each in self.deliveries}, SECONDS), (
                f"missing: {ids - {each.event['id'] for each in self.deliveries}}"
            )
            return {each.event["id"]: each for each in reversed(self.deliveries) if each.event["id"] in ids}
