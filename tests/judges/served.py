"""A running service in `token` mode for the outside judges, of which some cannot show a token themselves."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.credentials import create_credential
from app.access.grants import read_token
from app.access.people import add_person
from app.access.strangers import Strangers
from app.http.server import bind, build_server
from app.service import open_service
from app.system import SystemClock, SystemIds, draw_secret
from infra.live.ports import find_free_port
from tests.world import lay_out_settings


class WithToken:
    """ASGI middleware of the tests: gives each request to `/mcp` a token, for a judge that can send none."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/mcp":
            scope = {**scope, "headers": [*scope["headers"], (b"authorization", f"Bearer {self._token}".encode())]}
        await self._app(scope, receive, send)


@dataclass
class Judged:
    """The service: its address, and the tokens of two people."""

    url: str
    tokens: list[str] = field(default_factory=list)


@contextmanager
def serve_judged(folder: Path, *, shows_token: bool = False, **overrides: Any) -> Iterator[Judged]:
    """Serve two people in a thread; with `shows_token`, calls of `/mcp` come with the first one's token."""
    port = overrides.pop("port", None) or find_free_port()
    ready, ended = Future[Judged](), threading.Event()
    settings = {"auth": "token", "rate_writes": 0, "rate_reads": 0, "rate_turns": 0, **overrides}

    async def serve() -> None:
        laid = await lay_out_settings(folder, port=port, **settings)
        listener = bind("127.0.0.1", port)
        async with open_service(laid) as service:
            tokens = await service.database.write(_let_in)
            server = build_server(service)
            if shows_token:
                server.config.load()
                server.config.loaded_app = WithToken(server.config.loaded_app, tokens[0])
            serving = asyncio.create_task(server._serve([listener]))
            while not server.started:
                await asyncio.sleep(0.01)
            ready.set_result(Judged(f"http://127.0.0.1:{port}", tokens))
            await asyncio.to_thread(ended.wait)
            server.end()
            await serving

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    thread = threading.Thread(target=run, daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        # A judge shows many bad tokens on purpose, all from one address.
        patch.setattr("app.http.app.Strangers", partial(Strangers, most=1_000_000))
        thread.start()
        try:
            yield ready.result(30)
        finally:
            ended.set()
            thread.join(20)


def _let_in(connection: Connection) -> list[str]:
    """Add two people, each with a token for everything that a person may do; return the tokens."""
    ids, now = SystemIds(), SystemClock().now()
    tokens = []
    for name in ("Ann", "Ben"):
        person = add_person(connection, name, "Europe/Berlin", ids, now)
        grant = read_token({"name": "judge", "scopes": "tasks:delete confirm"}).grant_to(person, connection, now)
        tokens.append(create_credential(connection, grant, now, ids, draw_secret).secret)
    return tokens
