"""The REST routes on feeds: notifications and their stream, activity, statistics, settings, dead letters."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from pydantic_core import to_json

from app.http.rest.requests import PATCHES, patch_settings, read_body, read_scalars
from app.http.rest.tasks import PROBLEMS
from app.http.routes import PlainRoute
from app.http.sse import CONNECTED, FEED_HEARTBEAT_SECONDS, HEARTBEAT, frame_event, stream_frames
from app.identity import identify_rest
from app.problems import HttpRefusal
from app.storage.store import DatabaseStore
from app.storage.wakeup import wait_until
from events.dead_letters import list_unreadable
from events.embedded import list_parked, replay_parked
from events.positions import Position, read_position
from todo.activity import feeds, statistics
from todo.record.scopes import ADMIN, WRITE
from todo.record.work import Store, Who, Work
from todo.requests.arguments import describe_model, read_arguments
from todo.requests.confirmations import list_confirmations
from todo.requests.settings import UpdateMe

Positions = tuple[Position, Position]
"""How far a stream is in the notifications and in the activity."""


class Streams:
    """The open event streams of this process; `wake` makes each of them look for new entries."""

    def __init__(self) -> None:
        self._open: set[asyncio.Event] = set()
        self._closing = False

    def wake(self) -> None:
        """Make every open stream look for new entries now."""
        for event in self._open:
            event.set()

    def close(self) -> None:
        """End every open stream so that the server can stop."""
        self._closing = True
        self.wake()

    async def follow(self, store: Store, who: Who, position: Positions) -> AsyncIterator[bytes]:
        """Yield server-sent events after a position: `notification` and `activity`, each with both positions as id.

        `confirmation` comes first for each pending question, then whenever one is asked or decided.
        """
        news = asyncio.Event()
        sent: dict[str, str] | None = None
        self._open.add(news)
        rang, happened = position
        try:
            yield CONNECTED
            while not self._closing:
                news.clear()
                read = _after(rang, happened)
                notifications, activity, questions = await store.read(who, read)
                for rang, view in notifications:
                    yield frame_event(to_json(view), event="notification", position=f"{rang}-{happened}")
                for happened, view in activity:
                    yield frame_event(to_json(view), event="activity", position=f"{rang}-{happened}")
                for view in reversed(questions):
                    if sent is None and view["state"] != "pending":
                        continue
                    if (sent or {}).get(view["id"]) != view["state"]:
                        yield frame_event(to_json(view), event="confirmation", position=f"{rang}-{happened}")
                sent = {view["id"]: view["state"] for view in questions}
                if notifications or activity:
                    continue
                if not await wait_until(news, FEED_HEARTBEAT_SECONDS):
                    yield HEARTBEAT
        finally:
            self._open.discard(news)


def build_feed_routes(store: DatabaseStore, streams: Streams) -> APIRouter:
    """Return the routes on a store and its streams."""
    router = APIRouter(route_class=PlainRoute, responses=PROBLEMS)

    @router.get("/notifications", openapi_extra=describe_names("limit", "unread"))
    async def list_notifications(request: Request) -> Response:
        query = read_scalars(request, "limit", "unread")
        limit, unread = read_limit(query.get("limit", "50")), read_flag("unread", query.get("unread", "false"))
        return _json(
            await store.read(identify_rest(request), lambda work: feeds.list_notifications(work, limit, unread))
        )

    @router.get("/notifications/stream", response_class=StreamingResponse)
    async def stream(request: Request) -> StreamingResponse:
        who = identify_rest(request)
        position = await store.read(who, feeds.newest_positions)
        known = _read_positions(request.headers.get("last-event-id", ""))
        return stream_frames(streams.follow(store, who, known or position))

    @router.post("/notifications/{notification_id}/read")
    async def read_notification(notification_id: str, request: Request) -> Response:
        return _json(
            await store.write(
                identify_rest(request, WRITE), lambda work: feeds.read_notification(work, notification_id)
            )
        )

    @router.get("/activity", openapi_extra=describe_names("limit", "cursor"))
    async def list_activity(request: Request) -> Response:
        query = read_scalars(request, "limit", "cursor")
        limit, cursor = query.get("limit", "50"), query.get("cursor")
        return _json(
            await store.read(identify_rest(request), lambda work: feeds.list_activity(work, read_limit(limit), cursor))
        )

    _add_own_routes(router, store)
    return router


def _add_own_routes(router: APIRouter, store: DatabaseStore) -> None:
    @router.get("/statistics", openapi_extra=describe_names("from", "until", "lists"))
    async def read_statistics(request: Request) -> Response:
        query = read_scalars(request, "from", "until", "lists")
        lists = read_flag("lists", query.get("lists", "false"))

        def read(work: Work) -> dict[str, Any]:
            return statistics.read_statistics(work, query.get("from"), query.get("until"), by_list=lists)

        return _json(await store.read(identify_rest(request), read))

    @router.get("/me")
    async def get_me(request: Request) -> Response:
        return _json(await store.read(identify_rest(request), feeds.get_me))

    body = {"schema": describe_model(UpdateMe)}

    @router.patch("/me", openapi_extra={"requestBody": {"content": dict.fromkeys(sorted(PATCHES), body)}})
    async def update_me(request: Request) -> Response:
        given = read_arguments(UpdateMe, patch_settings(await read_body(request, PATCHES)))
        answer = await store.write(identify_rest(request, WRITE), lambda work: feeds.update_me(work, given.request))
        return _json({**answer, "warnings": list(given.warnings)} if given.warnings else answer)

    _add_dead_letter_routes(router, store)


def _add_dead_letter_routes(router: APIRouter, store: DatabaseStore) -> None:
    @router.get("/dead-letters")
    async def list_dead_letters(request: Request) -> Response:
        who = identify_rest(request)
        parked = await store.read(who, lambda work: list_parked(work.connection, work.who.user_id))
        # An event that cannot be read has no known owner, so only the operator sees it.
        may_see_all = ADMIN in who.scopes
        unreadable = await store.read_for_all(who, lambda work: list_unreadable(work.connection)) if may_see_all else []
        return _json({"dead_letters": parked, **({"unreadable": unreadable} if unreadable else {})})

    @router.post("/dead-letters/replay")
    async def replay_all(request: Request) -> Response:
        return _json({"replayed": await _replay(store, request, None)})

    @router.post("/dead-letters/{delivery_id}/replay")
    async def replay_one(delivery_id: str, request: Request) -> Response:
        if not (delivery_id.isascii() and delivery_id.isdigit() and len(delivery_id) < 19):
            raise HttpRefusal(404, "not_found", "There is no dead letter with this id.")
        replayed = await _replay(store, request, int(delivery_id))
        if not replayed:
            raise HttpRefusal(404, "not_found", "There is no dead letter with this id.")
        return _json({"replayed": replayed})


async def _replay(store: Store, request: Request, delivery_id: int | None) -> int:
    return await store.write(
        identify_rest(request, WRITE), lambda work: replay_parked(work.connection, work.who.user_id, delivery_id)
    )


def _read_positions(text: str) -> Positions | None:
    """Return the positions in an event's id; None for any other text."""
    rang, _, happened = text.partition("-")
    known = read_position(rang), read_position(happened)
    return None if known[0] is None or known[1] is None else (known[0], known[1])


def _after(rang: Position, happened: Position) -> Callable[[Any], Any]:
    return lambda work: (*feeds.feed_after(work, rang, happened), list_confirmations(work)["confirmations"])


def describe_names(*names: str) -> dict[str, Any]:
    """Return the OpenAPI description of string parameters of the query."""
    return {"parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]}


def read_limit(text: str) -> int:
    """Return the size of a page, 1 to 200; raises `HttpRefusal` 422 for anything else."""
    if text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= 200:
        return int(text)
    raise HttpRefusal(422, "invalid_arguments", "limit is a number from 1 to 200.")


def read_flag(name: str, text: str) -> bool:
    """Return a flag of a query; raises `HttpRefusal` 422 for anything but `true` and `false`."""
    if text in ("true", "false"):
        return text == "true"
    raise HttpRefusal(422, "invalid_arguments", f"{name} is true or false.")


def _json(view: Any) -> Response:
    return Response(to_json(view), media_type="application/json")
