"""Addresses that people give for their channels: checked before they are kept, and shown masked."""

import re
from urllib.parse import urlsplit

from app.guarded_client import GuardedClient, Unreachable
from todo.errors import InvalidArguments

LONGEST = 2_000
_PLAIN = re.compile(r"[!-~]+")
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


async def check_address(client: GuardedClient, address: str) -> None:
    """Check an http address and where its name leads now; raises `InvalidArguments`."""
    try:
        parts = urlsplit(address)
        is_good = bool(parts.hostname) and parts.port != 0 and "\\" not in address
    except ValueError:
        is_good = False
    if not is_good or len(address) > LONGEST or not _PLAIN.fullmatch(address) or "#" in address:
        raise InvalidArguments("This is not a web address.", "Give one such as https://example.org/hook.")
    if "@" in parts.netloc:
        raise InvalidArguments(
            "The address holds a name or a password.", "Leave them out of the address; ntfy takes a token."
        )
    try:
        await client.aim(address)
    except Unreachable as failure:
        raise InvalidArguments(
            f"This address {failure}.",
            "Give a public https address; TODO_CHANNELS_ALLOW opens the operator's own network.",
        ) from None
    except (OSError, ValueError):
        raise InvalidArguments("The host of this address is not found.", "Check how it is written.") from None


def check_mail_address(address: str) -> None:
    """Check the form of an e-mail address; raises `InvalidArguments`."""
    local, _, host = address.rpartition("@")
    if (
        len(address) > 254
        or not _MAIL.fullmatch(address)
        or ".." in address
        or local.startswith(".")
        or "." in (local[-1:], host[:1])
    ):
        raise InvalidArguments("This is not an e-mail address.", "Give one such as anna@example.org.")
