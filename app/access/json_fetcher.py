"""Fetches small JSON documents: an issuer's metadata, keys and tokens, and descriptions of programs to connect."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2
from pydantic_core import from_json

from app.guarded_client import SECONDS, GuardedClient, Resolve, Unreachable, resolve_host


class FetchFailed(Exception):
    """A document cannot be had; the message completes "The document …". `status` is what its server answered, or 0."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


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

    async def fetch(
        self, address: str, form: Mapping[str, str] | None = None, more: Mapping[str, str] | None = None
    ) -> Fetched:
        """Return the JSON at an address, or its answer to a form; `more` are further headers. Raises `FetchFailed`."""
        client = GuardedClient(self.is_guarded, self.most_bytes, self.resolve, self.transport, self.seconds)
        headers = {"Accept": "application/json", **(more or {})}
        method, content = "GET", None
        if form is not None:
            method, content = "POST", urlencode(form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            answer = await client.call(method, address, headers, content)
        except Unreachable as failure:
            raise FetchFailed(str(failure)) from None
        finally:
            await client.close()
        if answer.status != 200:
            raise FetchFailed(f"is not there: its server answered {answer.status}", answer.status)
        if answer.cut:
            raise FetchFailed("is too large" if answer.cut == "size" else "takes too long to come")
        try:
            return Fetched(from_json(answer.body), answer.headers)
        except ValueError:
            raise FetchFailed("is not JSON") from None
