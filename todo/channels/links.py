"""Signed links, which cannot be guessed; those on which a person answers a ring name one delivery each."""

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, bindparam, select

from events.sql import table_of
from todo.channels.models import ChannelDelivery
from todo.errors import TodoError
from todo.record.models import User

LONGEST = 64
RINGING = ("ring", "event")
"""What has a link if it is of a reminder: what reaches a person, and a program's copy."""
_FORM = re.compile(r"([0-9a-f]{1,15})-([A-Za-z0-9_-]{32})")
_D, _U = table_of(ChannelDelivery), table_of(User)
_FIND = (
    select(_D.c.number, _D.c.id, _D.c.user_id)
    .join(_U, _U.c.id == _D.c.user_id)
    .where(
        *(_D.c.number == bindparam("number"), _U.c.disabled_at.is_(None)),
        *(_D.c.what.in_(RINGING), _D.c.reminder_id.is_not(None)),
    )
)


class LinkOver(TodoError):
    """A link that was good once is worth nothing any more; nothing was changed."""

    code = "link_over"


class LinkUnknown(TodoError):
    """No link of ours, or one whose person is not here any more."""

    code = "link_unknown"


@dataclass(frozen=True, slots=True)
class Link:
    """What a link stands for: one delivery of one person."""

    number: int
    user_id: str


def write_link(key: str, number: int, delivery_id: str) -> str:
    """Return the secret part of a link: the row, and 192 bits of a signature over the delivery."""
    return f"{number:x}-{sign(key, _say(delivery_id))}"


def find_link(connection: Connection, key: str, text: str) -> Link | None:
    """Return what a link stands for; None for one that was not written here, or whose person is disabled."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    row = connection.execute(_FIND, {"number": int(match[1], 16)}).one_or_none()
    if row is None or not hmac.compare_digest(match[2], sign(key, _say(row.id))):
        return None
    return Link(row.number, row.user_id)


def _say(delivery_id: str) -> str:
    return f"link {delivery_id}"


def sign(key: str, text: str) -> str:
    """Return 192 bits of a signature, as links hold them; `text` begins with its purpose: none serves another."""
    made = hmac.new(bytes.fromhex(key), text.encode(), sha256).digest()
    return urlsafe_b64encode(made[:24]).decode()
