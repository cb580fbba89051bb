"""A service of several people: the worlds of the tests of the door, and the people in them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from sqlalchemy import Connection

from app.access.credentials import Grant, Made, create_credential
from app.access.grants import grant_invitation, read_token
from app.access.people import add_person
from app.system import draw_secret
from events.instants import write_instant
from tests.world import URL, World, open_world
from todo.record.scopes import AGENT

PAGE = {"origin": URL, "x-todo-page": "1", "user-agent": "Mozilla/5.0"}


@dataclass
class Person:
    """One person with a personal token, and how their program calls."""

    world: World
    user_id: str
    name: str
    token_id: str
    token: str
    _stack: AsyncExitStack

    async def rest(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Call REST with the person's token."""
        headers = {"authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return await self.world.rest.request(method, path, headers=headers, **options)

    async def make(self, title: str, **arguments: Any) -> dict[str, Any]:
        """Create a task over REST and return it."""
        response = await self.rest("POST", "/tasks", json={"title": title, **arguments})
        assert response.status_code == 201, response.text
        task: dict[str, Any] = response.json()["task"]
        return task

    async def titles(self) -> set[str]:
        """Return the titles of the person's open tasks."""
        return {task["title"] for task in (await self.rest("GET", "/tasks")).json()["tasks"]}

    async def connect(self, mode: str = "auto", **options: Any) -> Client:
        """Return an MCP client that shows the person's token."""
        http = await self._stack.enter_async_context(
            httpx2.AsyncClient(
                transport=self.world.http._transport,
                base_url=URL,
                headers={"authorization": f"Bearer {self.token}"},
            )
        )
        transport = streamable_http_client(f"{URL}/mcp", http_client=http)
        return await self._stack.enter_async_context(Client(transport, mode=mode, **options))


@dataclass
class House:
    """A service in `token` mode, driven by hand."""

    world: World
    stack: AsyncExitStack

    async def join(self, name: str, *, scopes: str = "", expires: str = "", admin: bool = False) -> Person:
        """Add a person with a personal token."""
        world = self.world
        user_id = await world.service.database.write(
            lambda connection: add_person(connection, name, "Europe/Berlin", world.ids, world.clock.now(), admin=admin)
        )
        made = await self.give_token(user_id, scopes=scopes, expires=expires)
        return Person(world, user_id, name, made.id, made.secret, self.stack)

    async def give_token(
        self, user_id: str, *, scopes: str = "", expires: str = "", name: str = "laptop", lists: str = ""
    ) -> Made:
        """Make a personal token for a person, for all their lists or for some."""
        world, now = self.world, self.world.clock.now()
        wanted = read_token({"name": name, "scopes": scopes, "expires": expires, "lists": lists})

        def create(connection: Connection) -> Made:
            grant = wanted.grant_to(user_id, connection, now)
            return create_credential(connection, grant, now, world.ids, draw_secret)

        return await world.service.database.write(create)

    async def give_connection(self, person: Person) -> str:
        """Give a person a connection to a program; return its id."""
        now = self.world.clock.now()
        grant = Grant(person.user_id, "connection", "Claude", AGENT, write_instant(now + timedelta(days=30)))
        made = await self.world.service.database.write(
            lambda connection: create_credential(connection, grant, now, self.world.ids, draw_secret)
        )
        return made.id

    async def invite(self, person: Person) -> str:
        """Return the secret of a new invitation."""
        world = self.world
        grant = grant_invitation(person.user_id, world.clock.now())
        made = await world.service.database.write(
            lambda connection: create_credential(connection, grant, world.clock.now(), world.ids, draw_secret)
        )
        return made.secret

    @asynccontextmanager
    async def browser(self, headers: dict[str, str] | None = None) -> AsyncIterator[httpx2.AsyncClient]:
        """Yield a client that keeps cookies and sends what the page sends."""
        async with httpx2.AsyncClient(
            transport=self.world.http._transport, base_url=URL, headers=PAGE if headers is None else headers
        ) as client:
            yield client


async def give_bound(house: House, person: Person, lists: str) -> Person:
    """Return the same person with a token for some lists."""
    made = await house.give_token(person.user_id, name="bound", lists=lists)
    return replace(person, token_id=made.id, token=made.secret)


@asynccontextmanager
async def open_house(folder: Path, **overrides: Any) -> AsyncIterator[House]:
    """Open a service of several people on a folder."""
    async with AsyncExitStack() as stack, open_world(folder, auth="token", **overrides) as world, stack:
        yield House(world, stack)
