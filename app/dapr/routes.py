"""The routes that a Dapr sidecar calls: the subscriptions, one route per event type, and the dead letters."""

import asyncio
import hmac
import logging
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic_core import from_json, to_json
from sqlalchemy import Connection
from starlette.types import ASGIApp, Receive, Scope, Send

from app.dapr.probe import note_probe, read_probe
from app.problems import write_problem
from events.catalog import EventType, TaskEvent, TopicStyle, name_topic
from events.cloudevent import Unreadable, decode_event
from events.consumer import Answer, Consumer, deliver_at_once, deliver_to_all
from events.dead_letters import park_event, store_unreadable
from events.inbox import is_known
from events.instants import write_instant
from events.outbox import find_recorded, is_kept
from events.ports import Clock, Database
from todo.errors import StorageUnavailable

log = logging.getLogger(__name__)

DEAD_ROUTE = "/events/dead"
SINGLE_ROUTE = "/events/any"
PROBE_ID = b'"self-test"'
"""Marks the unknown event that the self-test sends to each route at start-up."""
_WRAPPED = "com.dapr.event.sent"
MOST_AT_ONCE = 4
"""Most concurrent deliveries: a sidecar sends one per partition, and the relay and API must not queue behind all."""
GUARDED = ("/events/", "/dapr/", "/bindings/")


def name_route(event_type: EventType) -> str:
    """Return the route of an event type: `/events/task-created`."""
    return f"/events/{event_type.value.replace('.', '-')}"


def list_subscriptions(style: TopicStyle) -> dict[str, str]:
    """Return the route of each subscribed topic, without the dead-letter topics."""
    if style == "single":
        return {name_topic(EventType.TASK_CREATED, style): SINGLE_ROUTE}
    return {name_topic(kind, style): name_route(kind) for kind in EventType}


@dataclass(frozen=True, slots=True)
class Reception:
    """Receives events from a sidecar: each consumer reacts once, and the answer is one of Dapr's three words."""

    database: Database
    consumers: tuple[Consumer, ...]
    clock: Clock
    on_reacted: Callable[[], None]
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))

    async def receive(self, body: bytes) -> Answer:
        """Run every consumer on an event, as the outbox holds it; one that is gone from there was reacted to.

        Returns DROP, which keeps it as a dead letter, for what can never succeed: an event that cannot be read, or that
        this database has not recorded. Returns RETRY while the database is away or a reaction fails.
        """
        now = write_instant(self.clock.now())
        try:
            event = decode_event(body)
            async with self.turns:
                failed = await self._deliver(event, now)
        except Unreadable as error:
            log.log(logging.DEBUG if PROBE_ID in body else logging.WARNING, "an event is dropped: %s", error)
            return Answer.DROP
        except StorageUnavailable as error:
            log.warning("event %s waits: %s", event.event_id, error)
            return Answer.RETRY
        for consumer, reason in failed:
            log.warning("reaction %s to %s failed: %r", consumer.name, event.event_id, reason)
        self.on_reacted()
        return Answer.RETRY if failed else Answer.SUCCESS

    async def _deliver(self, event: TaskEvent, now: str) -> list[tuple[Consumer, Exception]]:
        def at_once(connection: Connection) -> None:
            if (recorded := self._believe(connection, event)) is not None:
                deliver_at_once(connection, self.consumers, recorded, now)

        def apart(connection: Connection) -> list[tuple[Consumer, Exception]]:
            recorded = self._believe(connection, event)
            return [] if recorded is None else deliver_to_all(connection, self.consumers, recorded, now)

        try:
            await self.database.write(at_once)
        except (StorageUnavailable, Unreadable):
            raise
        except Exception:  # noqa: BLE001  # the failing reaction fails again below, alone
            return await self.database.write(apart)
        return []

    def _believe(self, connection: Connection, event: TaskEvent) -> TaskEvent | None:
        """Return an event as it was recorded; None for one that was removed and had been reacted to."""
        recorded = find_recorded(connection, event)
        if recorded is None and not self._is_known(connection, event):
            raise Unreadable("it is not in this database's outbox")
        return recorded

    def _is_known(self, connection: Connection, event: TaskEvent) -> bool:
        names = [each.name for each in self.consumers]
        return not is_kept(connection, event.event_id) and is_known(connection, names, event.event_id)

    async def bury(self, wrapped: bytes, topic: str) -> Answer:
        """Store a dead letter for inspection and replay; return RETRY while it cannot be stored.

        A probe of the doctor is only recorded.
        """
        now = write_instant(self.clock.now())
        body = unwrap_raw(wrapped)
        probe = read_probe(body)

        def keep(connection: Connection) -> str:
            if probe is not None:
                note_probe(connection, probe, now)
                return "a probe, which has no effect"
            try:
                event = decode_event(body)
            except Unreadable as error:
                store_unreadable(connection, topic, body, str(error), now)
                return str(error)
            names = [consumer.name for consumer in self.consumers if event.event_type in consumer.types]
            if not park_event(connection, names, event, now) and not self._is_known(connection, event):
                store_unreadable(connection, topic, body, "the event is not in this database's outbox", now)
            return f"event {event.event_id}"

        try:
            what = await self.database.write(keep)
        except StorageUnavailable:
            return Answer.RETRY
        log.log(logging.WARNING if probe is None else logging.DEBUG, "a dead letter of %s: %s", topic, what)
        return Answer.SUCCESS


def unwrap_raw(body: bytes) -> bytes:
    """Return the record inside the envelope that a sidecar puts around raw payloads; any other body unchanged."""
    try:
        envelope = from_json(body)
        if envelope["type"] == _WRAPPED:
            return b64decode(envelope.get("data_base64", ""), validate=True)
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    return body


def add_dapr_routes(app: FastAPI, reception: Reception, pubsub: str, style: TopicStyle) -> None:
    """Declare the subscriptions with the Dapr SDK and answer their routes."""
    from dapr.ext.fastapi import DaprApp  # imported on first use: it brings gRPC with it

    async def receive(request: Request) -> Response:
        return _answer(await reception.receive(await request.body()))

    async def bury(request: Request) -> Response:
        return _answer(await reception.bury(await request.body(), request.headers.get("__topic", "")[:200]))

    dapr = DaprApp(app, router_tags=["dapr"])
    for topic, route in list_subscriptions(style).items():
        dapr.subscribe(pubsub=pubsub, topic=topic, route=route, dead_letter_topic=f"{topic}.dead")(receive)
        # Raw: otherwise a record that does not parse as JSON would block its partition of the dead letters for ever.
        raw = {"rawPayload": "true"}
        dapr.subscribe(pubsub=pubsub, topic=f"{topic}.dead", route=f"{DEAD_ROUTE}/{topic}", metadata=raw)(bury)


def _answer(answer: Answer) -> Response:
    return Response(to_json({"status": answer.value}), media_type="application/json")


class AppToken:
    """ASGI middleware that requires the sidecar's token (`APP_API_TOKEN`) on the routes that the sidecar calls.

    Without one it refuses every call there, for anybody could say that they are the sidecar.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._token = (token or "").encode()
        self._warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        if scope["type"] == "http" and scope["path"].startswith(GUARDED):
            given = dict(scope["headers"]).get(b"dapr-api-token", b"")
            if not (self._token and hmac.compare_digest(given, self._token)):
                if not self._warned:  # once: any client that reaches the port can cause it
                    log.warning("a sidecar's call was refused: start daprd with the APP_API_TOKEN that is set here")
                self._warned = True
                await write_problem(401, "forbidden", "Only the sidecar calls this.")(scope, receive, send)
                return
        await self._app(scope, receive, send)
