"""Descriptions of programs at the https URL that is their id (OAuth Client ID Metadata Documents), fetched and kept."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from app.access.json_fetcher import Fetched, FetchFailed, JsonFetcher
from app.oauth.clients import MOST_REDIRECTS, Client, find_client, is_address, name_client, store_client
from app.oauth.redirects import check_redirect
from app.storage.port import Database
from events.instants import write_instant
from events.ports import Clock
from todo.errors import TodoError

LONGEST_ADDRESS = 500
KEPT_AT_LEAST, KEPT_BY_DEFAULT, KEPT_AT_MOST = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=([0-9]{1,9})(?:$|[\s,])", re.IGNORECASE)
_BACK = "Go back to that program and begin again; if it stays, tell its maker."


class ClientRefused(TodoError):
    """A program cannot connect: it is unknown, or its description cannot be had or does not hold."""

    code = "invalid_client"


@dataclass(frozen=True, slots=True)
class Descriptions:
    """Finds programs; what an https URL says of one is kept as its headers say, from five minutes to a day."""

    database: Database
    clock: Clock
    fetcher: JsonFetcher

    async def find(self, client_id: str) -> Client:
        """Return a program that asks for a connection; raises `ClientRefused`."""
        now = self.clock.now()
        known = await self.recall(client_id)
        if known is not None and (not known[0].is_described or write_instant(now) < known[1]):
            return known[0]
        if not is_address(client_id):
            raise ClientRefused("This program is not registered here, or no longer.", _BACK)
        check_address(client_id)
        try:
            fetched = await self.fetcher.fetch(client_id)
        except FetchFailed as failure:
            raise ClientRefused(f"The description of this program {failure}.", _BACK) from None
        client = read_description(client_id, fetched.body)
        until = now + find_lifetime(fetched)
        await self.database.write(lambda connection: store_client(connection, client, now, until))
        return client

    async def recall(self, client_id: str) -> tuple[Client, str] | None:
        """Return a stored program, however old its description is, and until when that is fresh."""
        if len(client_id) > LONGEST_ADDRESS:
            return None
        return await self.database.read(lambda connection: find_client(connection, client_id))


def check_address(client_id: str) -> None:
    """Check the form of a client id that is a URL; raises `ClientRefused`."""
    try:
        parts = urlsplit(client_id)
        is_good = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    segments = parts.path.split("/") if is_good else []
    plain = (
        len(client_id) <= LONGEST_ADDRESS
        and client_id.isascii()
        and client_id.isprintable()
        and not set(client_id) & set(' "<>\\#')
    )
    if not is_good or not plain or "@" in parts.netloc or parts.path in ("", "/") or {".", ".."} & set(segments):
        raise ClientRefused("This client_id is not the address of a description.", _BACK)


def read_description(client_id: str, body: Any) -> Client:
    """Return the program that a document describes; raises `ClientRefused`."""
    if not isinstance(body, dict) or body.get("client_id") != client_id:
        raise ClientRefused("The description of this program names another client_id.", _BACK)
    method = body.get("token_endpoint_auth_method", "none")
    if method != "none" or "client_secret" in body:
        raise ClientRefused(
            "This program wants to prove itself by a key or a secret, which cannot be checked here.", _BACK
        )
    given = body.get("redirect_uris")
    named = [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
    # A program names the addresses of all its editions; those that are unusable here are passed over.
    addresses = [each for each in named if not check_redirect(each)]
    if not 0 < len(addresses) <= MOST_REDIRECTS:
        raise ClientRefused("The description of this program has no usable redirect_uris.", _BACK)
    name = name_client(body.get("client_name"), urlsplit(client_id).hostname or "")
    try:
        return Client.model_validate(
            {
                "client_id": client_id,
                "client_name": name,
                "shown_name": name,
                "redirect_uris": addresses,
                "token_endpoint_auth_method": "none",
            }
        )
    except ValidationError:
        raise ClientRefused("The description of this program cannot be read.", _BACK) from None


def find_lifetime(fetched: Fetched) -> timedelta:
    """Return how long a document may be kept by its `Cache-Control` (RFC 9111, section 5.2.2), within bounds."""
    control = fetched.headers.get("cache-control", "").lower()
    if "no-store" in control or "no-cache" in control:
        return KEPT_AT_LEAST
    match = _MAX_AGE.search(control)
    wanted = timedelta(seconds=int(match[1])) if match else KEPT_BY_DEFAULT
    return min(max(wanted, KEPT_AT_LEAST), KEPT_AT_MOST)
