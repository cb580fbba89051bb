"""The way from a test to the service in this process: HTTP requests without a network, from any thread and any loop."""

import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

import anyio.to_thread
import httpx2
from anyio.from_thread import BlockingPortal

Answer = Callable[[httpx2.Request], Awaitable[httpx2.Response]]


class ServiceTransport(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """A transport for the clients of `httpx2`, with and without `async`; each answer arrives whole.

    The service has an event loop in a thread of its own, so that a test may use any loop, or none.
    """

    def __init__(self, portal: BlockingPortal, answer: Answer) -> None:
        self._portal = portal
        self._answer = answer
        self._home = portal.call(threading.get_ident)

    @property
    def is_at_home(self) -> bool:
        """Whether the caller is in the service's own thread."""
        return threading.get_ident() == self._home

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request of a client without `async`."""
        request.read()
        return self._portal.call(self._answer, copy_request(request))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request of a client in any event loop."""
        await request.aread()
        if self.is_at_home:
            return await self._answer(copy_request(request))
        call = partial(self._portal.call, self._answer, copy_request(request))
        return await anyio.to_thread.run_sync(call, abandon_on_cancel=True)


def copy_request(request: httpx2.Request) -> httpx2.Request:
    """Return the same request with its body in memory, which both kinds of client can read."""
    return httpx2.Request(request.method, request.url, headers=request.headers, content=request.content)


async def copy_response(response: httpx2.Response) -> httpx2.Response:
    """Return the same response with its body in memory, still as it was encoded."""
    body = b"".join([part async for part in cast("httpx2.AsyncByteStream", response.stream)])
    return httpx2.Response(response.status_code, headers=response.headers, stream=httpx2.ByteStream(body))
