"""Fetches small JSON documents: an issuer's metadata and keys, and descriptions of programs that want to connect."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from pydantic_core import from_json

from app.guarded_client import SECONDS, GuardedClient, Resolve, Unreachable, resolve_host


class FetchFailed(Exception):
    """A document cannot be had; the message completes "The document …"."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document, and the headers that it came with."""

    body: Any
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class JsonFetcher:
    """Fetches JSON within five seconds, without redirects, up to a size; a guarded one where strangers name it."""

    is_guarded: bool
    most_bytes: int
    resolve: Resolve = resolve_host
    transport: httpx2.AsyncBaseTransport | None = None
    seconds: float = SECONDS

    async def fetch(self, address: str) -> Fetched:
        """Return the JSON at an address; raises `FetchFailed`."""
        client = GuardedClient(self.is_guarded, self.most_bytes, self.resolve, self.transport, self.seconds)
        try:
            answer = await client.call("GET", address, {"Accept": "application/json"})
        except Unreachable as failure:
            raise FetchFailed(str(failure)) from None
        finally:
            await client.close()
        if answer.status != 200:
            raise FetchFailed(f"is not there: its server answered {answer.status}")
        if answer.cut:
            raise FetchFailed("is too large" if answer.cut == "size" else "takes too long to come")
        try:
            return Fetched(from_json(answer.body), answer.headers)
        except ValueError:
            raise FetchFailed("is not JSON") from None
