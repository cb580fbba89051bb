"""Mailboxes: an e-mail address is confirmed by its owner before anything else goes there, and finds its people."""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from events.sql import table_of
from todo.channels.channels import load_channel, load_letter, mask_address
from todo.channels.links import LinkOver, LinkUnknown, sign
from todo.channels.models import Channel
from todo.channels.queue import Parcel
from todo.channels.reaction import CONFIRMED
from todo.errors import InvalidArguments
from todo.record.models import User
from todo.record.work import Work
from todo.text.display import show_text

LASTS = timedelta(days=3)
"""How long the link in a question holds."""
MOST_PEOPLE = 5
"""A mailbox that several people share gets a letter for each of them, up to this many."""
_FORM = re.compile(r"([0-9A-Za-z-]{1,64})\.([0-9a-f]{1,12})\.([A-Za-z0-9_-]{32})")

_C, _U = table_of(Channel), table_of(User)
_CONFIRM = (
    update(_C)
    .where(_C.c.id == bindparam("key"), _C.c.user_id == bindparam("user"), _C.c.address == bindparam("at_address"))
    .values(confirmed_at=bindparam("at"), failures=0, failing_since=None, paused_until=None)
)
_PEOPLE = (
    select(_C, _U.c.name.label("person"))
    .join(_U, _U.c.id == _C.c.user_id)
    .where(
        *(_C.c.kind == "email", CONFIRMED, _U.c.disabled_at.is_(None)),
        func.lower(_C.c.address) == bindparam("wanted"),
    )
    .order_by(_C.c.id)
    .limit(MOST_PEOPLE)
)
_QUESTION = """Reminders of Evolution Todo are to be sent to this address.
To confirm it, open this link within three days, in a browser in which you use Evolution Todo:

{link}

If you did not ask for this, do nothing: nothing more will be sent here."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What the page of a link shows: the masked address, and whether it is confirmed already."""

    address: str
    is_confirmed: bool


def write_question(work: Work, channel_id: str, address_link: Callable[[str], str], key: str) -> Parcel:
    """Return the letter that asks whether an address is right; its link is signed with `key`.

    Raises `ChannelNotFound`, and `InvalidArguments` for a channel other than a mailbox.
    """
    row = load_channel(work, channel_id)
    if row.kind != "email":
        raise InvalidArguments("Only e-mail addresses are confirmed.", "This channel can be used as it is.")
    expires = f"{int((work.now + LASTS).timestamp()):x}"
    token = f"{row.id}.{expires}.{_sign(key, row.id, row.address, expires)}"
    text = _QUESTION.format(link=address_link(token))
    return load_letter(row, work.ids.new(), "Confirm this address for reminders", text)


def read_mailbox(work: Work, token: str, key: str) -> Mailbox:
    """Return what a link confirms, and change nothing; raises `ChannelNotFound`, `LinkUnknown` and `LinkOver`."""
    row = _find(work, token, key)
    return Mailbox(mask_address("email", row.address), row.confirmed_at is not None)


def confirm_mailbox(work: Work, token: str, key: str) -> Mailbox:
    """Confirm the address of a link: from now on reminders go there. Raises as `read_mailbox` does."""
    row = _find(work, token, key)
    if row.confirmed_at is None:
        own = {"key": row.id, "user": work.who.user_id, "at_address": row.address, "at": work.at}
        work.connection.execute(_CONFIRM, own)
    return Mailbox(mask_address("email", row.address), is_confirmed=True)


def find_mailboxes(connection: Connection, address: str) -> list[Any]:
    """Return the channels of all people who have confirmed this address, with the name of each as `person`."""
    return list(connection.execute(_PEOPLE, {"wanted": address.lower()}))


def write_letter(row: Any, letter_id: str, link: str, minutes: int) -> Parcel:
    """Return the letter with the link by which a person signs in."""
    name = show_text(row.person or "")
    text = (
        f"To sign in to Evolution Todo as {name}, open this link within {minutes} minutes; it works once:\n\n{link}\n\n"
        "If you did not ask for it, do nothing."
    )
    return load_letter(row, letter_id, "Your link to sign in", text)


def _find(work: Work, token: str, key: str) -> Any:
    match = _FORM.fullmatch(token)
    if match is None:
        raise LinkUnknown("This link is not one of ours.", "Copy it from the mail as a whole.")
    row = load_channel(work, match[1])
    if not hmac.compare_digest(match[3], _sign(key, row.id, row.address, match[2])):
        raise LinkOver("This link is not for the address of this channel.", "Let a new one be sent, under me.")
    if int(match[2], 16) <= work.now.timestamp():
        raise LinkOver("This link is more than three days old.", "Let a new one be sent, under me.")
    return row


def _sign(key: str, channel_id: str, address: str, expires: str) -> str:
    return sign(key, f"confirm {channel_id} {expires} {address}")
