"""What waits to be sent: taken by lease, marked after the attempt; a channel's row is the lock of its deliveries."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection, bindparam, func, select, update

from events.cloudevent import decode_event
from events.instants import read_instant, write_instant
from events.outbox import OutboxEntry
from events.sql import HotQuery, HotUpdate, table_of
from todo.channels.endings import NOTICE, read_notice, tell_ended
from todo.channels.judgement import Judge, Verdict
from todo.channels.models import AT_ONCE, BEHIND, WAITING, Channel, ChannelDelivery
from todo.channels.reaction import FOR_PROGRAMS

LEASE = timedelta(seconds=25)
"""How long deliveries that were taken belong to their taker."""
BATCH = 50
"""Deliveries of one channel that are taken together. They are sent one after the other, each marked before the next
one goes, so that a killed process leaves at most one of them sent and not marked."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
REST_AFTER = 3
"""Failures in a row after which a channel rests."""
FAILS_FOR = timedelta(days=5)
"""A channel for programs that fails for so long is switched off."""
WINDOW, MOST_WINDOWS = 50, 10
"""Rows of a channel that are looked at together, and how often in one step while none of them goes."""
MOST_ENDED = 500
MOST_OF_RECEIVER = 32
"""Channels of one receiver that are sent to at once, so that one that hangs leaves room for all others."""
STATES = ("sent", "waiting", "given_up", "dropped")

_C, _D, _O = table_of(Channel), table_of(ChannelDelivery), table_of(OutboxEntry)
_NOT_BUSY = _C.c.id.not_in(bindparam("busy", expanding=True)) & _C.c.receiver.not_in(bindparam("full", expanding=True))
_NEXT_AT = select(func.min(_C.c.next_at)).where(_C.c.next_at.is_not(None), _NOT_BUSY)
_FIRST = HotQuery(
    select(_C.c.next_at, _C.c.id).where(_C.c.next_at.is_not(None)).order_by(_C.c.next_at).limit(bindparam("limit"))
)
_READY = (
    select(_C)
    .where(_C.c.next_at <= bindparam("now"), _NOT_BUSY)
    .order_by(_C.c.next_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_HELD = HotQuery(select(_C).where(_C.c.id == bindparam("key")).with_for_update())
_WAITING = (_D.c.channel_id == bindparam("channel")) & (_D.c.state == WAITING)
_ROWS = select(_D, _O.c.payload).outerjoin(_O, _O.c.event_id == _D.c.event_id)
_BY_TIME = (_D.c.next_at, _D.c.number)
_AGAIN_DUE = HotQuery(
    _ROWS.where(_WAITING, _D.c.next_at > AT_ONCE, _D.c.next_at <= bindparam("now"))
    .order_by(*_BY_TIME)
    .limit(bindparam("limit"))
)
_NEW = HotQuery(_ROWS.where(_WAITING, _D.c.next_at <= AT_ONCE).order_by(*_BY_TIME).limit(bindparam("limit")))
_HEADS = (
    select(_D.c.task_id, func.min(_D.c.number).label("number"))
    .where(_WAITING, _D.c.task_id.in_(bindparam("tasks", expanding=True)))
    .group_by(_D.c.task_id)
)
_NEXT_OF_TASK = select(func.min(_D.c.number)).where(_WAITING, _D.c.task_id == bindparam("task"))
_WAKE_NEXT = HotUpdate(
    update(_D)
    .where(_D.c.number == _NEXT_OF_TASK.scalar_subquery(), _D.c.next_at == BEHIND)
    .values(next_at=bindparam("at"))
)
_SOONEST = HotQuery(select(func.min(_D.c.next_at)).where(_WAITING, _D.c.next_at < BEHIND))
_SET = update(_D).where(_D.c.number == bindparam("key"))
_PUT_OFF = _SET.values(next_at=bindparam("at"))
_HOLD = _SET.values(next_at=bindparam("at"), expires_at=bindparam("until"))
_TAKE = HotUpdate(_SET.values(next_at=bindparam("at"), attempts=_D.c.attempts + 1))
_GIVE_BACK = HotUpdate(_SET.where(_D.c.state == WAITING).values(next_at=bindparam("at"), attempts=_D.c.attempts - 1))
_END = _SET.where(_D.c.state == WAITING).values(
    state=bindparam("state_is"), reason=bindparam("why"), done_at=bindparam("at")
)
_SENT = HotUpdate(_SET.values(state="sent", reason=None, done_at=bindparam("at")))
_AGAIN = _SET.where(_D.c.state == WAITING).values(next_at=bindparam("at"), reason=bindparam("why"))
_OVER = select(_D.c.number).where(_WAITING, _D.c.expires_at <= bindparam("until")).limit(MOST_ENDED)
_END_MANY = (
    update(_D).where(_D.c.number.in_(_OVER)).values(state="given_up", reason=bindparam("why"), done_at=bindparam("at"))
)
_COUNTED = (
    select(_C.c.id, _C.c.name, _D.c.state, func.count(_D.c.number).label("many"))
    .outerjoin(_D, _D.c.channel_id == _C.c.id)
    .where(_C.c.kind.in_(FOR_PROGRAMS))
    .group_by(_C.c.id, _C.c.name, _D.c.state)
    .order_by(_C.c.id)
)
_CHANNEL = update(_C).where(_C.c.id == bindparam("key"))
_WELL = HotUpdate(_CHANNEL.values(failures=0, failing_since=None, paused_until=None, last_success_at=bindparam("at")))
_SCHEDULE = HotUpdate(
    _CHANNEL.where(_C.c.enabled.is_(True), _C.c.next_at.is_distinct_from(bindparam("soonest"))).values(
        next_at=bindparam("soonest")
    )
)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery as it goes out. `number` is its row, None for a test.

    `payload` is the whole CloudEvent as it was recorded; `text` says it in words.
    """

    number: int | None
    id: str
    user_id: str
    channel_id: str
    kind: str
    address: str
    receiver: str
    secrets: Mapping[str, Any]
    what: str
    event_id: str
    payload: str
    title: str = ""
    text: str = ""
    task_id: str = ""
    reminder_id: str = ""
    sequence: int = 0
    urgent: bool = False

    @property
    def tag(self) -> str:
        """What names a reminder where it is shown, so that a later message can replace it."""
        return f"todo-{self.reminder_id}"


@dataclass(frozen=True, slots=True)
class Busy:
    """What the sender is at: the receiver of each channel that it sends to."""

    receivers: Mapping[str, str] = field(default_factory=dict)

    def count(self) -> Counter[str]:
        """Return at how many channels of each receiver it is."""
        return Counter(self.receivers.values())

    def write(self) -> dict[str, list[str]]:
        """Return the channels and the receivers that have to wait, as values of a statement."""
        full = [name for name, count in self.count().items() if count >= MOST_OF_RECEIVER]
        return {"busy": list(self.receivers), "full": full}


def find_next(connection: Connection, busy: Busy) -> str | None:
    """Return when something is to be sent next that need not wait for what is under way; None if nothing waits."""
    waits = busy.write()
    if waits["full"]:
        # Any number of channels may wait for a place at a receiver: the index passes over them.
        found: str | None = connection.execute(_NEXT_AT, waits).scalar_one()
        return found
    first = _FIRST.all(connection, {"limit": len(busy.receivers) + 1})
    return next((row.next_at for row in first if row.id not in busy.receivers), None)


def take_due(connection: Connection, now: datetime, limit: int, busy: Busy) -> list[list[Parcel]]:
    """Take what is due of up to `limit` channels, each until the lease ends; one list for each channel.

    What need not go any more is dropped here, and what has to wait is put off.
    """
    at = write_instant(now)
    ready = connection.execute(_READY, {"now": at, "limit": limit, **busy.write()}).all()
    judge, held = Judge(connection, now, LEASE), busy.count()
    batches = []
    for channel in ready:
        if held[channel.receiver] >= MOST_OF_RECEIVER:
            continue
        if taken := _take_of(connection, channel, judge):
            held[channel.receiver] += 1
            batches.append(taken)
        schedule(connection, channel.id, channel.paused_until, at)
    return batches


def give_back(connection: Connection, parcels: Sequence[Parcel], now: datetime) -> None:
    """Give back what was taken and not attempted, because the one before it failed or the lease is nearly over."""
    at = write_instant(now)
    channel = _HELD.first(connection, {"key": parcels[0].channel_id})
    if channel is None:
        return
    for parcel in parcels:
        _GIVE_BACK.run(connection, {"key": parcel.number, "at": at})
    schedule(connection, channel.id, channel.paused_until, at)


def _take_of(connection: Connection, channel: Any, judge: Judge) -> list[Parcel]:
    room = 1 if channel.failures else BATCH
    taken: list[Parcel] = []
    if channel.kind == "email" and channel.confirmed_at is None:
        # Its address was changed while this waited.
        over = {"channel": channel.id, "until": BEHIND, "why": "its address is not confirmed", "at": judge.at}
        connection.execute(_END_MANY, over)
        return taken
    for _ in range(MOST_WINDOWS):
        rows = _load_due(connection, channel.id, judge.at)
        _take_from(connection, channel, judge, rows, taken, room)
        if taken or not rows:
            break
    return taken


def _load_due(connection: Connection, channel_id: str, at: str) -> list[Any]:
    """Return a window of rows that are due: what has a time first, so that what failed is not overtaken for ever."""
    rows = _AGAIN_DUE.all(connection, {"channel": channel_id, "now": at, "limit": WINDOW})
    if left := WINDOW - len(rows):
        rows += _NEW.all(connection, {"channel": channel_id, "limit": left})
    return rows


def _take_from(
    connection: Connection, channel: Any, judge: Judge, rows: Sequence[Any], taken: list[Parcel], room: int
) -> None:
    """Add to `taken` what goes of some rows that are due; the others are put off, put behind or dropped."""
    if channel.kind in FOR_PROGRAMS:
        rows = _keep_order(connection, channel.id, rows)
    judge.prepare(rows)
    for row in rows:
        if len(taken) == room:
            break
        title, verdict = _look(connection, row, judge)
        if verdict.state == "later":
            until = write_instant(max(read_instant(row.expires_at), read_instant(verdict.at) + timedelta(hours=24)))
            connection.execute(_HOLD, {"key": row.number, "at": verdict.at, "until": until})
        elif verdict.state == "dropped":
            end_delivery(connection, row.number, channel.id, row.task_id, "dropped", verdict.text, judge.at)
        else:
            _TAKE.run(connection, {"key": row.number, "at": judge.leased_until})
            taken.append(_pack(channel, row, title, verdict.text))


def _look(connection: Connection, row: Any, judge: Judge) -> tuple[str, Verdict]:
    """Return the title of a delivery, and whether it goes."""
    if row.what == NOTICE:
        title, text = read_notice(connection, row)
        return title, judge.look_at_notice(row, text)
    if row.payload is None:
        return "", Verdict("dropped", "its event is not kept any more")
    event = decode_event(row.payload)
    return str(event.task["title"]), judge.look(row, event)


def _keep_order(connection: Connection, channel_id: str, rows: Sequence[Any]) -> list[Any]:
    """Return the rows that are the first of their task; the others wait behind it."""
    tasks = list({row.task_id for row in rows})
    heads = (
        {row.number for row in connection.execute(_HEADS, {"channel": channel_id, "tasks": tasks})} if tasks else set()
    )
    for row in rows:
        if row.number not in heads:
            connection.execute(_PUT_OFF, {"key": row.number, "at": BEHIND})
    return [row for row in rows if row.number in heads]


def _pack(channel: Any, row: Any, title: str, text: str) -> Parcel:
    return Parcel(
        number=row.number,
        id=row.id,
        user_id=row.user_id,
        channel_id=channel.id,
        kind=channel.kind,
        address=channel.address,
        receiver=channel.receiver,
        secrets=from_json(channel.secrets),
        what=row.what.partition(" ")[0],
        event_id=row.event_id,
        payload=row.payload or "",
        title=title,
        text=text,
        task_id=row.task_id,
        reminder_id=row.reminder_id or "",
        sequence=row.sequence or 0,
        urgent=bool(row.urgent),
    )


def mark_sent(connection: Connection, parcel: Parcel, now: datetime) -> None:
    """Mark a delivery as sent; the next one of its task may go. The channel itself is marked after its batch."""
    at = write_instant(now)
    if parcel.kind in FOR_PROGRAMS and _HELD.first(connection, {"key": parcel.channel_id}) is None:
        return
    _SENT.run(connection, {"key": parcel.number, "at": at})
    if parcel.kind in FOR_PROGRAMS:
        _wake_next(connection, parcel.channel_id, parcel.task_id, at)


def mark_well(connection: Connection, channel_id: str, now: datetime) -> None:
    """Note on a channel that something has arrived there."""
    at = write_instant(now)
    if _HELD.first(connection, {"key": channel_id}) is None:
        return
    _WELL.run(connection, {"key": channel_id, "at": at})
    schedule(connection, channel_id, None, at)


def mark_failed(connection: Connection, parcel: Parcel, why: str, now: datetime, *, for_good: bool = False) -> None:
    """Note a failed attempt in words; the next one is later, or it is given up. The channel rests if it fails on."""
    at = write_instant(now)
    channel = _HELD.first(connection, {"key": parcel.channel_id})
    if channel is None:
        return
    since = channel.failing_since or at
    noted: dict[str, Any] = {"last_failure_at": at, "last_failure": why, "failing_since": since}
    paused = channel.paused_until
    # What was under way when the channel began to rest says nothing new.
    if not (paused and paused > at) and not for_good:
        failures = channel.failures + 1
        noted["failures"] = failures
        if failures >= REST_AFTER:
            noted["paused_until"] = paused = write_instant(now + _pause(failures - REST_AFTER + 1))
    connection.execute(_CHANNEL.values(**noted), {"key": parcel.channel_id})
    if parcel.number is not None:
        _retry_later(connection, parcel, why, now, for_good=for_good)
    if channel.kind in FOR_PROGRAMS and read_instant(since) <= now - FAILS_FOR:
        end_channel(connection, parcel.channel_id, f"it has failed for five days: it {why}", at)
        return
    schedule(connection, parcel.channel_id, paused, at)


def _retry_later(connection: Connection, parcel: Parcel, why: str, now: datetime, *, for_good: bool) -> None:
    row = connection.execute(select(_D.c.attempts, _D.c.expires_at).where(_D.c.number == parcel.number)).one_or_none()
    if row is None:
        return
    next_at = write_instant(now + _pause(row.attempts))
    if for_good or next_at > row.expires_at:
        at = write_instant(now)
        end_delivery(connection, parcel.number, parcel.channel_id, parcel.task_id, "given_up", why, at)
    else:
        connection.execute(_AGAIN, {"key": parcel.number, "at": next_at, "why": why})


def end_channel(connection: Connection, channel_id: str, why: str, at: str) -> None:
    """Switch a channel off for a reason that its person hears; `give_up` then ends what waits for it."""
    channel = _HELD.first(connection, {"key": channel_id})
    if channel is None or not channel.enabled:
        return
    tell_ended(connection, channel, why, at)
    off = {"enabled": False, "ended": why, "next_at": None, "last_failure": why, "last_failure_at": at}
    connection.execute(_CHANNEL.values(**off), {"key": channel_id})


def give_up(connection: Connection, channel_id: str, why: str, now: datetime) -> int:
    """Give up a part of what waits for a channel and is too old, or all of it if the channel is off; return how many.

    To be called until it returns 0: one transaction over everything would hold up all others.
    """
    channel = _HELD.first(connection, {"key": channel_id})
    if channel is None:
        return 0
    at = write_instant(now)
    over = {"channel": channel_id, "until": at if channel.enabled else BEHIND, "why": why, "at": at}
    ended = connection.execute(_END_MANY, over).rowcount
    schedule(connection, channel_id, channel.paused_until, at)
    return ended


def count_webhooks(connection: Connection) -> list[dict[str, Any]]:
    """Return `{channel, name, sent, waiting, given_up, dropped}` of each person's webhooks, for the operator."""
    rows = connection.execute(_COUNTED).all()
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        empty = {"channel": row.id, "name": row.name, **dict.fromkeys(STATES, 0)}
        counts = found.setdefault(row.id, empty)
        if row.state is not None:
            counts[row.state] = row.many
    return list(found.values())


def end_delivery(
    connection: Connection, number: int | None, channel_id: str, task_id: str, state: str, why: str, at: str
) -> None:
    """End a delivery that was not sent; the next one of its task may go."""
    connection.execute(_END, {"key": number, "state_is": state, "why": why, "at": at})
    _wake_next(connection, channel_id, task_id, at)


def _wake_next(connection: Connection, channel_id: str, task_id: str, at: str) -> None:
    _WAKE_NEXT.run(connection, {"channel": channel_id, "task": task_id, "at": at})


def schedule(connection: Connection, channel_id: str, paused_until: str | None, at: str) -> None:
    """Note on a channel when it has something to send next; not before its rest is over."""
    soonest = _SOONEST.scalar(connection, {"channel": channel_id})
    if soonest is not None and paused_until is not None and paused_until > at:
        soonest = max(soonest, paused_until)
    _SCHEDULE.run(connection, {"key": channel_id, "soonest": soonest})


def _pause(attempts: int) -> timedelta:
    """Return the pause after a number of failed attempts: a minute, doubled each time, at most an hour."""
    doublings = int(min(attempts - 1, 10))
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)
