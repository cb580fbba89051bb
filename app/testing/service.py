"""The whole service in a test's own process, on a temporary database and a clock that the test moves."""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import httpx2
from anyio.from_thread import BlockingPortal, start_blocking_portal
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent
from pydantic_core import from_json
from pydantic_settings import PydanticBaseSettingsSource as Source
from sqlalchemy import Connection, text

from agent.messages import ChatModel
from app.assistant import AGENT, build_models
from app.http.app import build_app
from app.http.edge import MCP_PATH
from app.identity import SCHEDULER
from app.migrations import migrate_file
from app.service import Service, open_service
from app.settings import Settings
from app.testing.clock import CountedIds, ServiceClock
from app.testing.scripted_model import ScriptedModel
from app.testing.transport import ServiceTransport, copy_response
from events.catalog import EventType
from events.instants import read_instant
from todo.requests.event_schemas import describe_event
from todo.scheduler import next_step_at, step

LOST = "The answer was lost, as the test wanted."
URL = "http://127.0.0.1:8000"
"""Where the service believes to be; the transport alone reaches it there."""
Revision = Literal["2026-07-28", "2025-11-25"]
MODES: dict[Revision, Any] = {"2026-07-28": "auto", "2025-11-25": "legacy"}
"""What the SDK's client calls each revision of MCP."""

Event = dict[str, Any]


class CallRefused(Exception):
    """The service refused a call: its stable `code`, and the whole `answer`."""

    def __init__(self, answer: dict[str, Any], sentence: str) -> None:
        super().__init__(sentence)
        self.answer = answer
        self.code = str(answer.get("code", ""))


class AnswerLost(httpx2.ReadError):
    """The answer was lost, as the test wanted; what was asked for has been done."""


class GivenSettings(Settings):
    """Settings that a test gives, and defaults; nothing is read from the environment or from files."""

    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # the sources that are not read have no name here
        cls, *_: object, init_settings: Source, **__: object
    ) -> tuple[Source, ...]:
        """Read what is given alone."""
        return (init_settings,)


@dataclass
class _Engine:
    """The service in its own loop: answers requests, then lets everything happen that they led to."""

    service: Service
    web: httpx2.ASGITransport
    models: dict[str, ChatModel]
    is_losing: bool = False
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request, or lose the answer after its effect.

        An MCP client sees what a proxy says then, since the SDK's client does not survive a connection that breaks;
        for others the connection breaks: `AnswerLost`.
        """
        response = await copy_response(await self.web.handle_async_request(request))
        if request.method != "GET":
            await self.settle()
        if not (self.is_losing and _is_call(request)):
            return response
        self.is_losing = False
        if request.url.path == MCP_PATH:
            return httpx2.Response(504)
        raise AnswerLost(LOST, request=request)

    async def settle(self) -> None:
        """Ring what is due, publish and deliver until nothing waits."""
        service = self.service
        async with self._turn:
            while await service.store.write(SCHEDULER, step):
                pass
            while await service.relay.step() + await service.broker.step():
                pass

    async def follow(self, clock: ServiceClock, until: datetime) -> None:
        """Move a clock to an instant, by way of each one at which something is due."""
        while True:
            due = await self.service.store.read(SCHEDULER, next_step_at)
            if due is None or not clock.at < read_instant(due) < until:
                break
            clock.at = read_instant(due)
            await self.settle()
        clock.at = until
        await self.settle()

    async def read_events(self) -> list[str]:
        """Return every event that was recorded, oldest first, as the text that is published."""

        def read(connection: Connection) -> list[str]:
            return list(connection.execute(text("SELECT payload FROM outbox_entry ORDER BY seq")).scalars())

        return await self.service.database.read(read)


def _is_call(request: httpx2.Request) -> bool:
    """Return whether a request is a tool call or may write, unlike the steps of a protocol around it."""
    if request.url.path != MCP_PATH:
        return request.method != "GET"
    return b'"tools/call"' in request.content


class Todo:
    """What the fixture `todo` gives: a service, its clock, its surfaces, and what it has recorded."""

    clock: ServiceClock
    """It stands still; `clock.move(days=1)` moves it, and what is due on the way has happened when it returns."""
    transport: ServiceTransport
    """For clients of `httpx2` of your own, with `url` as their address."""
    rest: httpx2.Client
    """A client of the REST API; its paths begin below `/api`."""
    url = URL

    def __init__(self, portal: BlockingPortal, engine: _Engine, clock: ServiceClock, stack: ExitStack) -> None:
        self._portal = portal
        self._engine = engine
        self._stack = stack
        self._client: Client | None = None
        self.clock = clock
        self.transport = ServiceTransport(portal, engine.answer)
        self.rest = stack.enter_context(httpx2.Client(transport=self.transport, base_url=f"{URL}/api"))
        clock.follow, clock.settle = self._follow, self._settle

    def connect(self, revision: Revision = "2026-07-28", **options: Any) -> Client:
        """Return an MCP client of this revision, to be opened with `async with` in any event loop.

        `options` are those of the SDK's `Client`.
        """
        web = httpx2.AsyncClient(transport=self.transport)
        return Client(streamable_http_client(f"{URL}/mcp", http_client=web), mode=MODES[revision], **options)

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool over MCP and return its structured answer; raises `CallRefused`, or `AnswerLost`."""
        if self._client is None:
            self._client = self._stack.enter_context(self._portal.wrap_async_context_manager(self.connect()))
        was_losing = self._engine.is_losing
        try:
            result = self._portal.call(self._client.call_tool, tool, arguments)
        except MCPError:
            if was_losing and not self._engine.is_losing:
                raise AnswerLost(LOST) from None
            raise
        answer = result.structured_content or {}
        if result.is_error:
            said = " ".join(part.text for part in result.content if isinstance(part, TextContent))
            raise CallRefused(answer, said)
        return answer

    def say(self, message: str, conversation_id: str | None = None) -> dict[str, Any]:
        """Say something to the assistant and return its whole answer; raises `CallRefused`, or `AnswerLost`."""
        body = {"message": message} | ({"conversation_id": conversation_id} if conversation_id else {})
        response = self.rest.post("/chat", json=body)
        answer: dict[str, Any] = response.json()
        if not response.is_success:
            raise CallRefused(answer, str(answer.get("detail", "")))
        return answer

    def script(self, lines: Sequence[Any]) -> ScriptedModel:
        """Let a model answer from now on with these lines, and return it; `asked` holds what it was asked.

        Each line is one answer: a text, a list of calls `(tool, arguments)`, an error to raise, or a function that
        takes the request and returns one of these. Without a script the built-in commands answer.
        """
        model = ScriptedModel(list(lines))
        others = {name: each for name, each in self._engine.models.items() if name != AGENT}
        self._engine.models.clear()
        self._engine.models.update({AGENT: model} | others)
        return model

    @property
    def events(self) -> list[Event]:
        """Every CloudEvent that was recorded, oldest first; each is valid by the published schema of its type."""
        found = [from_json(each) for each in self._portal.call(self._engine.read_events)]
        for event in found:
            judge(event)
        return found

    def lose_next_answer(self) -> None:
        """Lose the answer to the next tool call, or to the next REST request that may write, after its effect."""
        self._engine.is_losing = True

    def _follow(self, until: datetime) -> None:
        if self.transport.is_at_home:
            self.clock.at = until  # within a scripted answer: what is due follows the request that led to it
        else:
            self._portal.call(self._engine.follow, self.clock, until)

    def _settle(self) -> None:
        if not self.transport.is_at_home:
            self._portal.call(self._engine.settle)


@cache
def _find_judge(event_type: EventType) -> Draft202012Validator:
    return Draft202012Validator(describe_event(event_type))


def judge(event: Event) -> None:
    """Raise `AssertionError` unless an event is valid by the published schema of its type."""
    faults = [error.message for error in _find_judge(EventType(event["type"])).iter_errors(event)]
    if faults:
        raise AssertionError(f"{event['type']} {event['id']}: {'; '.join(faults)}")


@cache
def make_template() -> Path:
    """Return a migrated SQLite file that services start from: a copy takes a tenth of the time of the migrations."""
    folder = Path(tempfile.mkdtemp(prefix="todo-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    migrate_file(folder / "todo.db")
    return folder / "todo.db"


@asynccontextmanager
async def _start(settings: Settings, clock: ServiceClock) -> AsyncIterator[_Engine]:
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(open_service(settings, clock, CountedIds()))
        models = build_models(settings)
        app = build_app(service, background=False, models=models)
        await stack.enter_async_context(app.router.lifespan_context(app))
        yield _Engine(service, httpx2.ASGITransport(app=app), models)


@contextmanager
def open_todo(folder: Path, **settings: Any) -> Iterator[Todo]:
    """Open a service on a folder, with these settings (`zone="Europe/Berlin"`); it ends with the context."""
    given = GivenSettings(**{"data_dir": folder, "zone": "UTC", **settings})
    if not given.on_server and not given.database_path.exists():
        given.database_path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(make_template(), given.database_path)
    clock = ServiceClock()
    with start_blocking_portal() as portal, ExitStack() as stack:
        engine = stack.enter_context(portal.wrap_async_context_manager(_start(given, clock)))
        yield Todo(portal, engine, clock, stack)
