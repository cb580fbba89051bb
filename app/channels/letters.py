"""Letters that stand in no queue: the question whether an address is right, and the link that signs a person in."""

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from app.access.credentials import Grant, Made, create_credential, revoke_credential
from app.access.grants import link_invitation
from app.access.rates import Rate, take_one
from app.channels.carrier import Outcome
from app.channels.outfit import Outfit
from app.channels.sender import Sender
from app.storage.store import DatabaseStore
from events.instants import write_instant
from todo.channels import mailboxes
from todo.errors import RateLimited
from todo.record.work import Who

log = logging.getLogger(__name__)

LINK_LASTS = timedelta(minutes=15)
QUESTIONS_OF_PERSON, LETTERS_TO_ADDRESS = Rate(10, 3_600), Rate(3, 3_600)
MOST_RUNNING = 32
"""Requests for links that are worked on at once; a service that has more of them than that is being flooded."""


@dataclass(slots=True)
class Mailing:
    """Sends letters at once and once; a person who got none asks again."""

    store: DatabaseStore
    sender: Sender
    outfit: Outfit
    draw: Callable[[], bytes]
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def admit_question(self, who: Who, address: str) -> None:
        """Count a question to an address, for the person and for the address; raises `RateLimited`."""
        rates = {
            f"person:{who.user_id}:questions": QUESTIONS_OF_PERSON,
            await self._name_rate("question", address): LETTERS_TO_ADDRESS,
        }
        now = self.store.clock.now()
        if wait := await self.store.database.write(lambda connection: take_one(connection, rates, now)):
            raise RateLimited("mails with a link", wait)

    async def ask(self, who: Who, channel_id: str) -> Outcome:
        """Send the question whether a channel's address is right; raises as `write_question` does."""
        key, base = await self.outfit.find_link_key(), f"{self.outfit.settings.url}/mail/"
        parcel = await self.store.read(
            who, lambda work: mailboxes.write_question(work, channel_id, lambda token: base + token, key)
        )
        return await self.sender.attempt(parcel)

    def begin_sign_in(self, address: str) -> None:
        """Begin to send a link to each person with this confirmed address; whether there is one shows nowhere.

        The caller's answer is out before anything is looked up, so that it takes the same time for every address.
        """
        if len(self._running) >= MOST_RUNNING:
            log.warning("a link to sign in was not sent: too many are asked for")
            return
        task = asyncio.create_task(self._sign_in(address), name="link to sign in")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def settle(self) -> None:
        """Wait until no link is on its way."""
        while self._running:
            await asyncio.wait(list(self._running))

    async def close(self) -> None:
        """Cut off what is on its way."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _sign_in(self, address: str) -> None:
        try:
            rates = {await self._name_rate("sign-in", address): LETTERS_TO_ADDRESS}
            now = self.store.clock.now()
            found = await self.store.database.write(lambda connection: _find(connection, address, rates, now))
            for row in found:
                await self._send_link(row)
        except Exception as error:  # noqa: BLE001  # it has no waiting caller, and its text may hold an address
            log.warning("a link to sign in was not sent: %s", type(error).__name__)

    async def _send_link(self, row: Any) -> None:
        """Make an invitation that holds for minutes and send it; one that did not go out is revoked."""
        now, ids = self.store.clock.now(), self.store.ids
        grant = Grant(row.user_id, "invitation", "link by e-mail", expires_at=write_instant(now + LINK_LASTS))
        made: Made = await self.store.database.write(
            lambda connection: create_credential(connection, grant, now, ids, self.draw)
        )
        link = link_invitation(self.outfit.settings.url, made.secret)
        minutes = int(LINK_LASTS.total_seconds() // 60)
        outcome = await self.sender.attempt(mailboxes.write_letter(row, ids.new(), link, minutes))
        if outcome.state != "sent":
            log.warning("a link to sign in was not sent: the receiver %s", outcome.why)
            revoke = partial(revoke_credential, user_id=row.user_id, credential_id=made.id, now=now)
            await self.store.database.write(revoke)

    async def _name_rate(self, what: str, address: str) -> str:
        """Return the name of an address' rate, from which the address cannot be read."""
        key = bytes.fromhex(await self.outfit.find_link_key())
        return f"{what}:{hmac.new(key, address.lower().encode(), sha256).hexdigest()[:32]}"


def _find(connection: Connection, address: str, rates: dict[str, Rate], now: Any) -> list[Any]:
    """Return who is to get a link; only mailboxes that are known here count, so that strangers fill no table."""
    found = mailboxes.find_mailboxes(connection, address)
    return found if found and not take_one(connection, rates, now) else []
