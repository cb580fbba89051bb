"""The REST routes of channels: where a person is reached, and what went there."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic_core import to_json

from app.channels.webhook import write_secret
from app.http.rest.feeds import describe_names, read_limit
from app.http.rest.requests import PATCHES, read_body, read_scalars
from app.http.rest.session import Draw, keep_out_of_caches
from app.http.rest.tasks import PROBLEMS, write_json
from app.http.routes import PlainRoute
from app.identity import identify_rest
from app.problems import HttpRefusal
from app.service import Service
from events.catalog import SOURCE
from todo.channels import channels
from todo.channels.channels import Given
from todo.channels.requests import CreateChannel, UpdateChannel
from todo.errors import InvalidArguments
from todo.record.scopes import WRITE
from todo.record.work import Who
from todo.requests.arguments import describe_model, read_arguments

_ASKED = "A link was sent to this address. Open it within three days to confirm the address; nothing is sent before."


def build_channel_routes(service: Service, draw: Draw) -> APIRouter:
    """Return the routes on which a person sees and changes where they are reached."""
    router = APIRouter(route_class=PlainRoute, responses=PROBLEMS)
    store = service.store

    @router.get("/channels", operation_id="list_channels")
    async def show(request: Request) -> Response:
        found = await store.read(identify_rest(request), channels.list_channels)
        key = await service.outfit.find_public_key()
        shown = {"channels": found, "kinds": service.outfit.kinds, "vapid_public_key": key}
        targets = service.outfit.targets
        return write_json({**shown, "targets": targets} if targets else shown)

    @router.post(
        "/channels",
        operation_id="create_channel",
        status_code=201,
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": describe_model(CreateChannel)}}}},
    )
    async def create(request: Request) -> Response:
        who = identify_rest(request, WRITE)
        given = read_arguments(CreateChannel, await read_body(request))
        wanted = _read_given(given.request, draw)
        await _check(service, given.request.kind, wanted)
        if given.request.kind == "webpush":
            # A browser that somebody else has used before is theirs no longer.
            await service.database.write(lambda connection: channels.take_over(connection, wanted.address, who.user_id))
        if given.request.kind == "email":
            await service.mailing.admit_question(who, wanted.address)
        made = await store.write(who, lambda work: channels.create_channel(work, given.request, wanted))
        if given.request.kind == "email":
            made["confirmation"] = await _ask(service, who, made["id"])
        return keep_out_of_caches(write_json(made, status=201, location=f"/api/channels/{made['id']}"))

    _add_changes(router, service, draw)
    _add_tests(router, service)

    @router.put("/presence", operation_id="note_presence", status_code=204)
    async def note_presence(request: Request) -> Response:
        body = await read_body(request)
        visible = body.get("visible")
        if body.keys() != {"visible"} or not isinstance(visible, bool):
            raise HttpRefusal(422, "invalid_arguments", 'Send {"visible": true} or {"visible": false}.')
        await store.write(identify_rest(request, WRITE), lambda work: channels.note_presence(work, visible=visible))
        return Response(status_code=204)

    return router


def _add_changes(router: APIRouter, service: Service, draw: Draw) -> None:
    store = service.store
    body = {"schema": describe_model(UpdateChannel)}

    @router.get("/channels/{channel_id}", operation_id="get_channel")
    async def show_one(channel_id: str, request: Request) -> Response:
        return write_json(
            await store.read(identify_rest(request), lambda work: channels.read_channel(work, channel_id))
        )

    @router.patch(
        "/channels/{channel_id}",
        operation_id="update_channel",
        openapi_extra={"requestBody": {"content": dict.fromkeys(sorted(PATCHES), body)}},
    )
    async def change(channel_id: str, request: Request) -> Response:
        who = identify_rest(request, WRITE)
        wanted = read_arguments(UpdateChannel, await read_body(request, PATCHES)).request
        kind, kept = await store.read(who, lambda work: channels.find_given(work, channel_id))
        given = _read_change(kind, kept, wanted)
        if given.address != kept.address:
            await _check(service, kind, given)
        secret = write_secret(draw()) if wanted.new_secret else ""
        if secret and kind != "webhook":
            raise InvalidArguments("Only a webhook has a signing secret.", "Leave new_secret out.")

        def update(work: Any) -> dict[str, Any]:
            final = channels.replace_secret(work, given, secret) if secret else given
            return channels.update_channel(work, channel_id, wanted, final)

        is_new_mailbox = kind == "email" and given.address != kept.address
        if is_new_mailbox:
            await service.mailing.admit_question(who, given.address)
        changed = await store.write(who, update)
        if is_new_mailbox:
            changed["confirmation"] = await _ask(service, who, channel_id)
        return keep_out_of_caches(write_json(changed))

    @router.delete("/channels/{channel_id}", operation_id="delete_channel", status_code=204)
    async def remove(channel_id: str, request: Request) -> Response:
        await store.write(identify_rest(request, WRITE), lambda work: channels.delete_channel(work, channel_id))
        return Response(status_code=204)


def _add_tests(router: APIRouter, service: Service) -> None:
    store = service.store

    @router.post("/channels/{channel_id}/test", operation_id="test_channel")
    async def test(channel_id: str, request: Request) -> Response:
        who = identify_rest(request, WRITE)
        event_id = store.ids.new()
        payload = _write_test(event_id, channel_id, who.user_id, store.clock.now().isoformat())
        parcel = await store.read(who, lambda work: channels.load_parcel(work, channel_id, payload, event_id))
        outcome = await service.sender.attempt(parcel)
        ok = outcome.state == "sent"
        said = "The test was taken by the receiver." if ok else f"Nothing arrived: the receiver {outcome.why}."
        return write_json({"ok": ok, "message": said})

    @router.post("/channels/{channel_id}/confirmation", operation_id="mail_confirmation")
    async def mail_confirmation(channel_id: str, request: Request) -> Response:
        who = identify_rest(request, WRITE)
        kind, kept = await store.read(who, lambda work: channels.find_given(work, channel_id))
        view = await store.read(who, lambda work: channels.read_channel(work, channel_id))
        if "confirmed_at" in view:
            return write_json({"ok": True, "message": "This address is confirmed already."})
        if kind == "email":
            await service.mailing.admit_question(who, kept.address)
        return write_json(await _ask(service, who, channel_id))

    @router.get(
        "/channels/{channel_id}/deliveries",
        operation_id="list_channel_deliveries",
        openapi_extra=describe_names("limit", "cursor"),
    )
    async def list_deliveries(channel_id: str, request: Request) -> Response:
        query = read_scalars(request, "limit", "cursor")
        limit, cursor = read_limit(query.get("limit", "50")), query.get("cursor")
        return write_json(
            await store.read(
                identify_rest(request), lambda work: channels.list_deliveries(work, channel_id, limit, cursor)
            )
        )


async def _ask(service: Service, who: Who, channel_id: str) -> dict[str, Any]:
    """Ask the owner of a mailbox whether it is theirs; return `{ok, message}`."""
    outcome = await service.mailing.ask(who, channel_id)
    if outcome.state == "sent":
        return {"ok": True, "message": _ASKED}
    return {"ok": False, "message": f"The mail with the link was not sent: the receiver {outcome.why}."}


def _read_given(request: CreateChannel, draw: Draw) -> Given:
    """Return what a new channel consists of; raises `InvalidArguments`."""
    if request.kind == "webpush":
        if request.subscription is None:
            raise InvalidArguments("subscription is missing.", "Send the browser's PushSubscription as JSON.")
        keys = request.subscription.keys
        return Given(request.subscription.endpoint, {"p256dh": keys.p256dh, "auth": keys.auth})
    if request.subscription is not None or request.address is None:
        raise InvalidArguments(f"A channel of kind {request.kind} has an address.", "Give it as address.")
    if request.token is not None and request.kind != "ntfy":
        raise InvalidArguments("Only ntfy takes a token.", "Leave it out.")
    if request.kind == "webhook":
        secret = {"secret": write_secret(draw())}
        return Given(request.address, secret, secret)
    return Given(request.address, {} if request.token is None else {"token": request.token})


def _read_change(kind: str, kept: Given, request: UpdateChannel) -> Given:
    """Return what a changed channel consists of; raises `InvalidArguments`."""
    if kind == "webpush" and request.address is not None:
        raise InvalidArguments("The browser decides this address.", "Subscribe again in that browser.")
    if request.token is not None and kind != "ntfy":
        raise InvalidArguments("Only ntfy takes a token.", "Leave it out.")
    secrets = dict(kept.secrets) if request.token is None else {"token": request.token}
    return Given(request.address or kept.address, secrets)


async def _check(service: Service, kind: str, given: Given) -> None:
    carrier = await service.outfit.find(kind)
    if carrier is None:
        raise InvalidArguments(f"This service has no {kind}.", service.outfit.say_missing(kind))
    await carrier.check(given)


def _write_test(event_id: str, channel_id: str, user_id: str, at: str) -> str:
    """Return the CloudEvent of a test; its type is none of the product's events."""
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": "channel.test",
        "subject": f"channel/{channel_id}",
        "time": at,
        "datacontenttype": "application/json",
        "data": {"event_id": event_id, "event_type": "channel.test", "user_id": user_id, "data": {}},
    }
    return to_json(event).decode()
