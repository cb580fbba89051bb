"""The publisher of the real chain: bulk publishing through a Dapr sidecar over plain HTTP."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
from pydantic_core import from_json, to_json

from events.catalog import EventType, TopicStyle, name_topic
from events.cloudevent import CONTENT_TYPE
from events.ports import Outcome, Outgoing

log = logging.getLogger(__name__)

MOST_EVENTS = 200
MOST_BYTES = 3 << 20
"""Most bytes of one call; the sidecar takes 4 MiB, its own framing included."""
DEADLINE_SECONDS = 10.0
CONNECT_SECONDS = 1.0
_TOO_LARGE = ("message size", "too large", "toolarge")
_MISSING = ("ERR_PUBSUB_NOT_CONFIGURED", "ERR_PUBSUB_NOT_FOUND", "ERR_PUBSUB_EMPTY")
"""Codes of a sidecar that lacks the pub/sub component: it answers 400 to every event."""


def open_client(url: str, token: str | None = None) -> httpx2.AsyncClient:
    """Return an HTTP client for a sidecar, with deadlines because a hung broker never answers.

    It ignores the environment's proxies: a sidecar runs on the same machine.
    """
    headers = {"dapr-api-token": token} if token else {}
    timeout = httpx2.Timeout(DEADLINE_SECONDS, connect=CONNECT_SECONDS)
    return httpx2.AsyncClient(base_url=url, headers=headers, timeout=timeout, trust_env=False)


@dataclass(frozen=True, slots=True)
class DaprPublisher:
    """Sends whole CloudEvents, keyed by task, and reads the answer entry by entry.

    It uses HTTP instead of the SDK: over gRPC a failed bulk does not say which of its entries were written. An entry
    that is not known to be written is `unknown`; the relay sends the same bytes again.
    """

    client: httpx2.AsyncClient
    pubsub: str
    style: TopicStyle = "type"
    deadline: float = DEADLINE_SECONDS

    async def publish(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Send a batch in concurrent calls, one per topic and 3 MiB; an entry without answer in time is `unknown`."""
        until = asyncio.get_running_loop().time() + self.deadline
        by_topic: dict[str, list[Outgoing]] = {}
        for each in batch:
            by_topic.setdefault(name_topic(EventType(each.event_type), self.style), []).append(each)
        calls = [self._send(topic, part, until) for topic, events in by_topic.items() for part in _cut(events)]
        return [outcome for outcomes in await asyncio.gather(*calls) for outcome in outcomes]

    async def _send(self, topic: str, events: Sequence[Outgoing], until: float) -> list[Outcome]:
        try:
            # The client's own timeouts are per read and write: a sidecar that answers in drips would outlast them.
            async with asyncio.timeout_at(until):
                response = await self.client.post(
                    f"/v1.0/publish/bulk/{self.pubsub}/{topic}",
                    content=_write_bulk(events),
                    headers={"content-type": "application/json"},
                )
        except (httpx2.HTTPError, TimeoutError) as error:
            return _all(events, "unknown", f"the sidecar does not answer: {type(error).__name__}")
        if response.is_success:
            return _all(events, "published", "")
        failed = _read_failures(response)
        if failed is not None:
            outcomes = [_judge(each, failed.get(each.event_id)) for each in events]
            doubtful = [each for each, outcome in zip(events, outcomes, strict=True) if outcome.status == "refused"]
            if len(doubtful) < 2:
                return outcomes
            # Kafka refuses all records that go to one partition in one batch together.
            settled = [outcome for outcome in outcomes if outcome.status != "refused"]
            return [*settled, *await self._send_alone(topic, doubtful, until)]
        reason = f"the sidecar answered {response.status_code}: {response.text[:300]}"
        if not _blames_events(response):
            return _all(events, "unknown", reason)
        if len(events) == 1:
            return _all(events, "refused", reason)
        return await self._send_alone(topic, events, until)

    async def _send_alone(self, topic: str, events: Sequence[Outgoing], until: float) -> list[Outcome]:
        """Resend one by one the events that were refused together, to find the one at fault."""
        return [outcome for each in events for outcome in await self._send(topic, [each], until)]


def _cut(events: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    part: list[Outgoing] = []
    size = 0
    for each in events:
        # The JSON entry around an event takes some 250 bytes.
        length = (len(each.payload) if each.payload.isascii() else len(each.payload.encode())) + 300
        if part and (len(part) == MOST_EVENTS or size + length > MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(each)
        size += length
    yield part


def _write_bulk(events: Sequence[Outgoing]) -> bytes:
    """Return the body of a bulk call; it holds the events byte for byte as they were recorded."""
    entries = [
        b'{"entryId":%b,"contentType":%b,"metadata":{"partitionKey":%b},"event":%b}'
        % (to_json(each.event_id), to_json(CONTENT_TYPE), to_json(each.task_id), each.payload.encode())
        for each in events
    ]
    return b"[" + b",".join(entries) + b"]"


def _blames_events(response: httpx2.Response) -> bool:
    """Return whether the sidecar blames the events, and not its own configuration."""
    return response.status_code in (400, 413) and not any(sign in response.text for sign in _MISSING)


def _read_failures(response: httpx2.Response) -> dict[str, str] | None:
    """Return the failed entries of a bulk call, each with its reason; None if the answer names none."""
    try:
        body: Any = from_json(response.content)
        failed = {str(each["entryId"]): str(each.get("error", "")) for each in body["failedEntries"]}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return failed or None


def _judge(event: Outgoing, reason: str | None) -> Outcome:
    if reason is None:
        return Outcome(event.event_id, "published")
    hopeless = any(sign in reason.lower() for sign in _TOO_LARGE)
    return Outcome(event.event_id, "refused" if hopeless else "unknown", reason, named=True)


def _all(events: Sequence[Outgoing], status: Any, reason: str) -> list[Outcome]:
    return [Outcome(each.event_id, status, reason) for each in events]
