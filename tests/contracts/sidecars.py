"""A scripted sidecar in this process: it records what the publisher sends and answers as the test says."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from events.catalog import EventType
from events.dapr import DaprPublisher
from events.ports import Outgoing

ADDRESS = "http://127.0.0.1:3500"


@dataclass(frozen=True, slots=True)
class Call:
    """One bulk call as received."""

    topic: str
    body: bytes

    @property
    def entries(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = json.loads(self.body)
        return entries

    @property
    def ids(self) -> list[str]:
        return [entry["entryId"] for entry in self.entries]


Answer = tuple[int, bytes]
Script = Callable[[Call], Answer]


def accept(_: Call) -> Answer:
    return 204, b""


def fail_entries(reasons: dict[str, str]) -> Script:
    """Answer as daprd does when some entries did not reach Kafka: 500, naming them."""

    def answer(call: Call) -> Answer:
        failed = [{"entryId": each, "error": reasons[each]} for each in call.ids if each in reasons]
        body = {"failedEntries": failed, "errorCode": "ERR_PUBSUB_PUBLISH_MESSAGE"}
        return (500, to_json(body)) if failed else (204, b"")

    return answer


@dataclass
class ScriptedSidecar:
    """An ASGI application in place of a sidecar; with `hangs` it never answers."""

    script: Script = accept
    hangs: bool = False
    calls: list[Call] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    most_at_once: int = 0
    _open: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.paths.append(scope["path"])
        call = Call(scope["path"].rpartition("/")[2], body)
        self.calls.append(call)
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        try:
            await asyncio.sleep(0)
            if self.hangs:
                await asyncio.Event().wait()
            status, content = self.script(call)
        finally:
            self._open -= 1
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": content})

    def open(self) -> AbstractAsyncContextManager[httpx2.AsyncClient]:
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self), base_url=ADDRESS)

    def publisher(self, client: httpx2.AsyncClient, **options: Any) -> DaprPublisher:
        return DaprPublisher(client, "taskevents", **options)


def make_batch(count: int, event_type: EventType = EventType.TASK_CREATED, size: int = 0) -> list[Outgoing]:
    return [
        Outgoing(f"{event_type}-{number}", event_type, f"task-{number}", json.dumps({"id": number, "x": "y" * size}))
        for number in range(count)
    ]


def statuses(outcomes: Sequence[Any]) -> dict[str, str]:
    """Return the status by event id; each entry must be answered exactly once."""
    found = {each.event_id: each.status for each in outcomes}
    assert len(found) == len(outcomes)
    return found
