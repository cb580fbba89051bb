"""The use cases on channels: made, listed, changed, removed, and what went to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from events.catalog import EventType
from events.instants import shorten_instant, write_instant
from events.sql import table_of, take_lock
from todo.channels.models import AT_ONCE, BEHIND, WAITING, Channel, ChannelDelivery, Presence
from todo.channels.queue import Parcel
from todo.channels.reaction import FOR_PROGRAMS
from todo.channels.receivers import name_receiver
from todo.channels.requests import ALL_EVENTS, CreateChannel, UpdateChannel
from todo.errors import InvalidArguments, TodoError
from todo.record.work import Work
from todo.requests import paging
from todo.text.when import say_instant

MOST_CHANNELS = 20
BOTH_SIGN_FOR = timedelta(days=1)
"""How long a replaced signing secret still signs beside the new one."""
SEEN_FOR = timedelta(seconds=45)
"""How long a page that has said that it is seen is taken to be."""
_RINGS = (EventType.REMINDER_DUE.value,)
_NAMES = {"webpush": "Browser", "ntfy": "ntfy", "email": "E-mail", "webhook": "Webhook"}

_C, _D, _P = table_of(Channel), table_of(ChannelDelivery), table_of(Presence)
_OWN = (_C.c.id == bindparam("key")) & (_C.c.user_id == bindparam("user"))
_OWN_DELIVERIES = (_D.c.channel_id == bindparam("key")) & (_D.c.user_id == bindparam("user"))
_ALL = select(_C).where(_C.c.user_id == bindparam("user")).order_by(_C.c.id)
_FIND = select(_C).where(_OWN)
_OTHERS = select(_C.c.id, _C.c.user_id).where(
    _C.c.kind == "webpush", _C.c.address == bindparam("address"), _C.c.user_id != bindparam("user")
)
_LEFT = (
    update(_D)
    .where(_OWN_DELIVERIES, _D.c.state == WAITING)
    .values(state="dropped", reason=bindparam("why"), done_at=bindparam("at"))
)


class ChannelUnconfirmed(TodoError):
    """Nothing goes to an e-mail address that its owner has not confirmed."""

    code = "channel_unconfirmed"


class ChannelNotFound(TodoError):
    """The channel does not exist or belongs to another person; callers cannot tell which."""

    code = "channel_not_found"


@dataclass(frozen=True, slots=True)
class Given:
    """What a person gave for a channel, checked: the address, its secrets, and what of them is shown once."""

    address: str
    secrets: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)


def create_channel(work: Work, request: CreateChannel, given: Given) -> dict[str, Any]:
    """Make a channel; a browser that subscribes again keeps its channel. Raises `InvalidArguments`."""
    take_lock(work.connection, "channels", work.who.user_id)
    rows = work.connection.execute(_ALL, {"user": work.who.user_id}).all()
    same = next((row for row in rows if (row.kind, row.address) == (request.kind, given.address)), None)
    if same is not None and request.kind == "webpush":
        return _revive(work, same.id, given)
    if same is not None:
        raise InvalidArguments("There is a channel for this address already.", "Change that one, or delete it first.")
    if len(rows) >= MOST_CHANNELS:
        raise InvalidArguments(f"A person has at most {MOST_CHANNELS} channels.", "Delete one of them first.")
    channel_id = work.ids.new()
    row = {
        "id": channel_id,
        "user_id": work.who.user_id,
        "kind": request.kind,
        "name": request.name or _NAMES.get(request.kind, given.address),
        "enabled": request.enabled is not False,
        "events": to_json(_choose_events(request.kind, request.events)).decode(),
        "address": given.address,
        "receiver": name_receiver(request.kind, given.address),
        "secrets": to_json(given.secrets).decode(),
        "created_at": work.at,
        "failures": 0,
    }
    work.connection.execute(insert(_C), row)
    return {**read_channel(work, channel_id), **given.shown}


def _revive(work: Work, channel_id: str, given: Given) -> dict[str, Any]:
    values = {"secrets": to_json(given.secrets).decode(), "enabled": True, **_AFRESH}
    work.connection.execute(update(_C).where(_OWN).values(**values), {"key": channel_id, "user": work.who.user_id})
    return read_channel(work, channel_id)


_AFRESH: dict[str, Any] = {"ended": None, "failures": 0, "failing_since": None, "paused_until": None}


def _choose_events(kind: str, wanted: list[Any] | None) -> list[str]:
    if kind in FOR_PROGRAMS:
        return [each for each in ALL_EVENTS if wanted is None or each in wanted]
    if wanted is not None and set(wanted) != set(_RINGS):
        raise InvalidArguments(
            "This kind of channel carries reminders alone.", "Leave events out, or take a webhook for the others."
        )
    return list(_RINGS)


def take_over(connection: Connection, address: str, user_id: str) -> None:
    """Remove other people's channels to a browser that this person uses now: it would show them what is not theirs."""
    for row in connection.execute(_OTHERS, {"address": address, "user": user_id}).all():
        own = {"key": row.id, "user": row.user_id}
        connection.execute(delete(_D).where(_OWN_DELIVERIES), own)
        connection.execute(delete(_C).where(_OWN), own)


def list_channels(work: Work) -> list[dict[str, Any]]:
    """Return the person's channels, the oldest first, with masked addresses."""
    return [_view(row, work.zone) for row in work.connection.execute(_ALL, {"user": work.who.user_id})]


def read_channel(work: Work, channel_id: str) -> dict[str, Any]:
    """Return one channel; raises `ChannelNotFound`."""
    return _view(load_channel(work, channel_id), work.zone)


def load_parcel(work: Work, channel_id: str, payload: str, event_id: str) -> Parcel:
    """Return a test for a channel, as it goes out; raises `ChannelNotFound` and `ChannelUnconfirmed`."""
    row = load_channel(work, channel_id)
    if row.kind == "email" and row.confirmed_at is None:
        raise ChannelUnconfirmed(
            "This address is not confirmed yet.", "Open the link that was sent there, or let a new one be sent."
        )
    words = "This is a test of Evolution Todo: reminders arrive here."
    return replace(load_letter(row, event_id, "Evolution Todo", words), what="test", payload=payload)


def load_letter(row: Any, letter_id: str, title: str, text: str) -> Parcel:
    """Return something for a channel that stands in no queue, as it goes out."""
    return Parcel(
        number=None,
        id=letter_id,
        user_id=row.user_id,
        channel_id=row.id,
        kind=row.kind,
        address=row.address,
        receiver=row.receiver,
        secrets=from_json(row.secrets),
        what="letter",
        event_id=letter_id,
        payload="",
        title=title,
        text=text,
        reminder_id=letter_id,
    )


def find_given(work: Work, channel_id: str) -> tuple[str, Given]:
    """Return the kind of a channel and what is kept of it; raises `ChannelNotFound`."""
    row = load_channel(work, channel_id)
    return row.kind, Given(row.address, from_json(row.secrets))


def update_channel(work: Work, channel_id: str, request: UpdateChannel, given: Given) -> dict[str, Any]:
    """Change a channel; switched off, what waits for it is dropped; switched on, it begins afresh."""
    row = load_channel(work, channel_id)
    values: dict[str, Any] = {}
    if request.name is not None:
        values["name"] = request.name
    if request.events is not None:
        values["events"] = to_json(_choose_events(row.kind, request.events)).decode()
    if (given.address, dict(given.secrets)) != (row.address, from_json(row.secrets)):
        values |= {"address": given.address, "secrets": to_json(given.secrets).decode(), **_AFRESH}
    if given.address != row.address:
        values |= {"confirmed_at": None, "receiver": name_receiver(row.kind, given.address)}
    if request.enabled is not None and request.enabled != bool(row.enabled):
        values |= {"enabled": request.enabled, "next_at": None, **_AFRESH}
    own = {"key": channel_id, "user": work.who.user_id}
    if values:
        work.connection.execute(update(_C).where(_OWN).values(**values), own)
    if row.kind == "email" and given.address != row.address:
        work.connection.execute(_LEFT, {**own, "why": "its address was changed", "at": work.at})
    if values.get("enabled") is False:
        work.connection.execute(_LEFT, {**own, "why": "the channel was switched off", "at": work.at})
    return {**read_channel(work, channel_id), **given.shown}


def delete_channel(work: Work, channel_id: str) -> None:
    """Remove a channel and the list of what went to it; raises `ChannelNotFound`."""
    load_channel(work, channel_id)
    own = {"key": channel_id, "user": work.who.user_id}
    work.connection.execute(delete(_D).where(_OWN_DELIVERIES), own)
    work.connection.execute(delete(_C).where(_OWN), own)


def list_deliveries(work: Work, channel_id: str, limit: int = 50, cursor: str | None = None) -> dict[str, Any]:
    """Return `{deliveries: […], waiting, next_cursor?}`, newest first; raises `ChannelNotFound`."""
    load_channel(work, channel_id)
    own = {"key": channel_id, "user": work.who.user_id}
    statement = select(_D).where(_OWN_DELIVERIES)
    if cursor is not None:
        statement = statement.where(_D.c.number < paging.read_number(cursor))
    rows = work.connection.execute(statement.order_by(_D.c.number.desc()).limit(limit + 1), own).all()
    page, next_cursor = paging.cut_page(rows, limit, lambda row: str(row.number))
    waiting = select(func.count()).select_from(_D).where(_OWN_DELIVERIES, _D.c.state == WAITING)
    view: dict[str, Any] = {
        "deliveries": [_view_delivery(row) for row in page],
        "waiting": work.connection.execute(waiting, own).scalar_one(),
    }
    return view if next_cursor is None else {**view, "next_cursor": next_cursor}


def replace_secret(work: Work, kept: Given, secret: str) -> Given:
    """Return a webhook's secrets with a new one; the old one signs along for a day."""
    old = {"old_secret": kept.secrets["secret"], "old_until": write_instant(work.now + BOTH_SIGN_FOR)}
    return Given(kept.address, {"secret": secret, **old}, {"secret": secret, "old_secret_until": old["old_until"]})


def note_presence(work: Work, *, visible: bool) -> None:
    """Note that a page of the person is before them now, or is not any more."""
    user_id = work.who.user_id
    until = write_instant(work.now + SEEN_FOR) if visible else work.at
    mine = _P.c.user_id == user_id
    if work.connection.execute(update(_P).where(mine).values(seen_until=until)).rowcount == 0:
        take_lock(work.connection, "presence", user_id)
        if work.connection.execute(select(_P.c.user_id).where(mine)).first() is None:
            work.connection.execute(insert(_P), {"user_id": user_id, "seen_until": until})


def mask_address(kind: str, address: str) -> str:
    """Return as much of an address as tells it from others: paths, topics and names of mailboxes can be secrets."""
    if kind == "email":
        local, _, host = address.rpartition("@")
        return f"{local[:1]}…@{host}"
    if kind == "apprise":
        return address  # the operator's name for a target, which everybody here can see
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}/…"


def load_channel(work: Work, channel_id: str) -> Any:
    """Return the row of one of the person's channels; raises `ChannelNotFound`."""
    row = work.connection.execute(_FIND, {"key": channel_id, "user": work.who.user_id}).one_or_none()
    if row is None:
        raise ChannelNotFound("There is no channel with this id.", "GET /api/channels lists them.")
    return row


def _view(row: Any, zone: ZoneInfo) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": row.id,
        "kind": row.kind,
        "name": row.name,
        "enabled": bool(row.enabled),
        "events": from_json(row.events),
        "address": mask_address(row.kind, row.address),
        "created_at": shorten_instant(row.created_at),
    }
    if row.confirmed_at is not None:
        view["confirmed_at"] = shorten_instant(row.confirmed_at)
    if row.last_success_at is not None:
        view["last_success"] = shorten_instant(row.last_success_at)
    if row.last_failure_at is not None:
        view["last_failure"] = {"at": shorten_instant(row.last_failure_at), "text": f"The receiver {row.last_failure}."}
    if problem := _say_problem(row, zone):
        view["problem"] = problem
    return view


def _say_problem(row: Any, zone: ZoneInfo) -> str:
    """Return why nothing arrives on a channel, with times of the person's zone, or ""."""
    if row.ended is not None:
        return f"This channel is switched off: {row.ended}. Check the receiver, then switch it on again."
    if row.kind == "email" and row.confirmed_at is None:
        if row.failing_since is not None:
            return f"This address is not confirmed, and its link did not arrive: the receiver {row.last_failure}."
        return "This address is not confirmed, so nothing is sent there. Open the link that was sent to it."
    if row.enabled and row.failing_since is not None:
        since = say_instant(row.failing_since, zone)
        is_planned = row.next_at not in (None, AT_ONCE)
        again = f" The next attempt is at {say_instant(row.next_at, zone)}." if is_planned else ""
        return f"Nothing has arrived since {since}: the receiver {row.last_failure}.{again}"
    return ""


def _view_delivery(row: Any) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": row.id,
        "event_id": row.event_id,
        "type": row.event_type,
        "task_id": row.task_id,
        "what": row.what.partition(" ")[0],
        "state": row.state,
        "attempts": row.attempts,
        "made_at": shorten_instant(row.made_at),
    }
    if row.state == "waiting" and row.next_at not in (AT_ONCE, BEHIND):
        view["next_at"] = shorten_instant(row.next_at)
    if row.reason is not None:
        view["reason"] = row.reason
    if row.done_at is not None:
        view["done_at"] = shorten_instant(row.done_at)
    return view
