"""A webhook that the service has switched off: its person hears of it on the page and by their other channels."""

from typing import Any

from sqlalchemy import Connection, bindparam, select

from events.instants import read_instant, write_instant
from events.sql import HotInsert, table_of
from todo.channels.models import AT_ONCE, Channel, ChannelDelivery
from todo.channels.reaction import CONFIRMED, FOR_PROGRAMS, KEPT_TRYING, wake_channel
from todo.record.models import Notification
from todo.text.display import quote_title

NOTICE = "notice"
"""What a delivery carries that tells of another channel's end; its `reminder_id` is that channel."""

_C, _D, _N = table_of(Channel), table_of(ChannelDelivery), table_of(Notification)
_OTHERS = select(_C.c.id).where(
    *(_C.c.user_id == bindparam("user"), _C.c.id != bindparam("ended_id"), _C.c.enabled.is_(True)),
    *(_C.c.kind.not_in(FOR_PROGRAMS), CONFIRMED),
)
_ENDED = select(_C.c.name, _C.c.ended).where(
    _C.c.id == bindparam("key"), _C.c.user_id == bindparam("user"), _C.c.enabled.is_(False), _C.c.ended.is_not(None)
)
_TELL = HotInsert(lambda insert: insert(_N).on_conflict_do_nothing(index_elements=["id"]))
_PLAN = HotInsert(lambda insert: insert(_D).on_conflict_do_nothing(index_elements=["channel_id", "event_id", "what"]))


def tell_ended(connection: Connection, channel: Any, why: str, at: str) -> None:
    """Tell a person once that one of their programs gets nothing any more; people's own devices need no word."""
    if channel.kind not in FOR_PROGRAMS:
        return
    notice_id = f"{channel.id}.{at}"
    notification = {
        "id": notice_id,
        "user_id": channel.user_id,
        "task_id": "",
        "title": channel.name,
        "text": say_ended(channel.name, why),
        "remind_at": at,
        "late_by_seconds": 0,
        "read": False,
    }
    _TELL.run(connection, notification)
    for other in connection.execute(_OTHERS, {"user": channel.user_id, "ended_id": channel.id}).all():
        _plan(connection, channel, other.id, notice_id, at)


def read_notice(connection: Connection, row: Any) -> tuple[str, str]:
    """Return title and text of a notice; both are empty if the channel is gone or works again."""
    ended = connection.execute(_ENDED, {"key": row.reminder_id, "user": row.user_id}).one_or_none()
    return ("", "") if ended is None else (ended.name, say_ended(ended.name, ended.ended))


def say_ended(name: str, why: str) -> str:
    """Return what a person hears of a channel that was switched off."""
    return f"The webhook {quote_title(name)} is switched off: {why}. Check the receiver, then switch it on under me."


def _plan(connection: Connection, channel: Any, channel_id: str, notice_id: str, at: str) -> None:
    _PLAN.run(
        connection,
        {
            "id": f"{notice_id}.{channel_id}",
            "user_id": channel.user_id,
            "channel_id": channel_id,
            "what": NOTICE,
            "event_id": notice_id,
            "event_type": "channel.ended",
            "task_id": "",
            "reminder_id": channel.id,
            "sequence": None,
            "urgent": False,
            "made_at": at,
            "next_at": AT_ONCE,
            "expires_at": write_instant(read_instant(at) + KEPT_TRYING),
            "state": "waiting",
            "attempts": 0,
            "used": "",
            "cleared": False,
        },
    )
    wake_channel(connection, channel_id, channel.user_id, at)
