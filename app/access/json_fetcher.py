"""Fetches small JSON documents of an operator's own choice: an issuer's metadata and keys."""

from typing import Any

from pydantic_core import from_json

from app.access.issuer import IssuerAway

SECONDS = 5.0
MOST_BYTES = 256 * 1024


async def fetch_json(address: str) -> Any:
    """Return the JSON at an address, without redirects; raises `IssuerAway` if it cannot be had."""
    import httpx2

    body = bytearray()
    try:
        async with (
            httpx2.AsyncClient(timeout=SECONDS, follow_redirects=False) as client,
            client.stream("GET", address, headers={"Accept": "application/json"}) as response,
        ):
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise IssuerAway("The issuer's answer is too large.", "Tell the operator.")
            if response.status_code != 200:
                raise IssuerAway(f"The issuer answered {response.status_code}.", "Try again in a minute.")
    except httpx2.HTTPError:
        raise IssuerAway("The issuer cannot be reached.", "Try again in a minute.") from None
    try:
        return from_json(bytes(body))
    except ValueError:
        raise IssuerAway("The issuer's answer is not JSON.", "Tell the operator.") from None
