"""The carrier of ntfy: a message with buttons, replaced or cleared by its sequence id (ntfy 2.16 and newer)."""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from pydantic_core import to_json

from app.channels.addresses import check_address
from app.channels.carrier import BUTTONS, SENT, Outcome, judge_answer
from app.guarded_client import GuardedClient, Unreachable
from todo.channels.channels import Given
from todo.channels.queue import Parcel
from todo.errors import InvalidArguments
from todo.text.display import show_text

URGENT, USUAL = 5, 4
"""Priorities: 5 also breaks through a phone's own quiet mode."""


@dataclass(frozen=True, slots=True)
class NtfyCarrier:
    """Publishes as JSON at the server's root, so that no word of a title is ever a header."""

    client: GuardedClient

    async def check(self, given: Given) -> None:
        """Check a topic's address and its token; raises `InvalidArguments`."""
        await check_address(self.client, given.address)
        if not _split(given.address)[1] or urlsplit(given.address).query:
            raise InvalidArguments("This address names no topic.", "Give one such as https://ntfy.sh/my-topic.")
        token = given.secrets.get("token", "")
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise InvalidArguments("This is not an access token.", "Give the one that the ntfy server shows.")

    async def send(self, parcel: Parcel, link: str) -> Outcome:
        """Make one attempt. A server that cannot clear what was shown is not asked again."""
        root, topic = _split(parcel.address)
        headers = {"Content-Type": "application/json", "User-Agent": "Evolution-Todo"}
        if token := parcel.secrets.get("token"):
            headers["Authorization"] = f"Bearer {token}"
        try:
            if parcel.what == "clear":
                answer = await self.client.call("PUT", f"{root}{topic}/{parcel.tag}/clear", headers)
                return SENT if 400 <= answer.status < 500 else judge_answer(answer)
            body = to_json(_write_message(parcel, topic, link))
            return judge_answer(await self.client.call("POST", root, headers, body))
        except Unreachable as failure:
            return Outcome("failed", str(failure))


def _write_message(parcel: Parcel, topic: str, link: str) -> dict[str, object]:
    message: dict[str, object] = {
        "topic": topic,
        "title": show_text(parcel.title),
        "message": parcel.text,
        "priority": URGENT if parcel.urgent else USUAL,
        "sequence_id": parcel.tag,
    }
    if link:
        message["click"] = link
        message["actions"] = [
            {"action": "http", "label": label, "url": f"{link}?do={name}", "method": "POST", "clear": True}
            for name, label in BUTTONS
        ]
    return message


def _split(address: str) -> tuple[str, str]:
    """Return the address of the server, with a slash at its end, and the topic."""
    parts = urlsplit(address)
    path, _, topic = parts.path.rstrip("/").rpartition("/")
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/", "", "")), topic
