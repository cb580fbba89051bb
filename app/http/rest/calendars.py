"""The REST routes of a person's calendar feeds, and the feeds themselves at their secret addresses."""

from hashlib import sha256

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.access.credentials import digest_secret, write_secret
from app.http.rest.requests import read_body
from app.http.rest.session import Draw, keep_out_of_caches
from app.http.rest.tasks import PROBLEMS, write_json
from app.http.routes import PlainRoute
from app.identity import identify_rest
from app.problems import HttpRefusal
from app.service import Service
from todo.calendars.calendars import (
    CalendarView,
    CreateCalendar,
    FoundCalendar,
    create_calendar,
    delete_calendar,
    find_calendar,
    list_calendars,
)
from todo.calendars.feed import load_entries, read_stamp
from todo.calendars.ics import write_feed
from todo.record.scopes import CONFIRM, READ
from todo.record.work import Who, Work
from todo.requests.arguments import read_arguments

_UNKNOWN = "There is no calendar at this address, or it has been ended. Make a new one on the page."


def build_calendar_routes(service: Service, draw: Draw) -> APIRouter:
    """Return the routes on which a person makes, sees and ends feeds: who knows its address may read on."""
    router = APIRouter(route_class=PlainRoute, responses=PROBLEMS)
    store, url = service.store, service.settings.url

    @router.get("/calendars", operation_id="list_calendars")
    async def show(request: Request) -> Response:
        who = identify_rest(request, CONFIRM)
        return write_json({"calendars": await store.read(who, list_calendars)})

    @router.post("/calendars", operation_id="create_calendar", status_code=201)
    async def create(request: Request) -> Response:
        who = identify_rest(request, CONFIRM)
        wanted = read_arguments(CreateCalendar, await read_body(request)).request
        secret = write_secret("calendar", draw())
        digest = digest_secret(secret) or ""
        view: CalendarView = await store.write(who, lambda work: create_calendar(work, wanted, digest))
        return keep_out_of_caches(write_json({**view, "url": f"{url}/calendar/{secret}.ics"}, status=201))

    @router.delete("/calendars/{calendar_id}", operation_id="delete_calendar", status_code=204)
    async def end(calendar_id: str, request: Request) -> Response:
        who = identify_rest(request, CONFIRM)
        if not await store.write(who, lambda work: delete_calendar(work, calendar_id)):
            raise HttpRefusal(404, "not_found", "There is no such calendar, or it has been ended already.")
        return Response(status_code=204)

    return router


def build_calendar_feed(service: Service) -> APIRouter:
    """Return the route of the feeds (RFC 5545), which calendar programs read by the address alone."""
    router = APIRouter(route_class=PlainRoute, include_in_schema=False)
    store = service.store

    @router.api_route("/calendar/{secret}.ics", methods=["GET", "HEAD"])
    async def feed(secret: str, request: Request) -> Response:
        found = await _find(service, secret)
        wanted = request.query_params.get("as", "event")
        if wanted not in ("event", "todo"):
            raise HttpRefusal(422, "invalid_arguments", "as is todo, or left out for events.")
        who = Who(found["user_id"], "person", "rest", "calendar", f"calendar:{found['id']}", scopes=frozenset({READ}))
        as_todos = wanted == "todo"
        given = _read_tags(request.headers.get("if-none-match", ""))

        def read(work: Work) -> tuple[str, bytes | None]:
            stamp = f"{found['id']} {found['name']} {wanted} {read_stamp(work)}"
            tag = f'"{sha256(stamp.encode()).hexdigest()[:32]}"'
            if tag in given or "*" in given:
                return tag, None
            entries = load_entries(work, found["filter"], as_todos=as_todos)
            return tag, write_feed(found["name"], entries, work.now, as_todos=as_todos)

        tag, content = await store.read(who, read)
        headers = {"ETag": tag, "Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex"}
        if content is None:
            return Response(status_code=304, headers=headers)
        headers["Content-Disposition"] = 'inline; filename="tasks.ics"'
        return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)

    return router


async def _find(service: Service, secret: str) -> FoundCalendar:
    """Return the feed of a secret; raises `HttpRefusal` 404 alike for wrong, ended and disabled ones."""
    digest = digest_secret(secret)
    found = None
    if digest is not None:
        found = await service.database.read(lambda connection: find_calendar(connection, digest))
    if found is None:
        raise HttpRefusal(404, "not_found", _UNKNOWN)
    if service.meter is not None:
        await service.meter.take(found["user_id"], f"calendar:{found['id']}", "reads")
    return found


def _read_tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
