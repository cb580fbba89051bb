"""The product's processes and the example consumer on the real chain, each with its own daprd."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import asyncpg  # type: ignore[import-untyped]  # it ships no types
import httpx2

from app.service import migrate_database
from app.settings import REPOSITORY, load_settings
from events.catalog import EventType, TopicStyle
from infra.live.chain import LiveChain
from infra.live.programs import Program, wait_until
from infra.live.resources import CONSUMER, PRODUCT
from infra.live.sidecar import App, Daprd

SECONDS = 30.0
TOKEN = "between-neighbours"  # noqa: S105  # of a chain that lives for a minute, on loopback
_POLL = 0.05


async def until(ready: Callable[[], Awaitable[bool]], what: str) -> None:
    """Poll a condition as `wait_until` does, without blocking this event loop."""
    try:
        with anyio.fail_after(SECONDS):
            while not await ready():
                await anyio.sleep(_POLL)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {SECONDS:g} s.") from None


def ask(url: str) -> Any:
    """Return the JSON that a URL answers; None without a successful answer."""
    try:
        answer = httpx2.get(url, timeout=5, trust_env=False)
    except httpx2.HTTPError:
        return None
    return answer.json() if answer.is_success else None


def is_ready(port: int) -> bool:
    return ask(f"http://127.0.0.1:{port}/readyz") is not None


def count_topics(style: TopicStyle) -> int:
    return 1 if style == "single" else len(EventType)


@dataclass
class Product:
    """One installation: a database and one process or several; `url` is where its public API is."""

    database_url: str
    url: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    programs: list[Program] = field(default_factory=list)

    async def read_outbox(self) -> list[dict[str, Any]]:
        """Return every committed event in order: exactly these must arrive."""
        connection = await asyncpg.connect(self.database_url)
        try:
            rows = await connection.fetch("SELECT payload FROM outbox_entry ORDER BY seq")
        finally:
            await connection.close()
        return [json.loads(row[0]) for row in rows]


@contextmanager
def run_product(
    chain: LiveChain,
    name: str,
    roles: Sequence[str] = ("all",),
    style: TopicStyle = "type",
    settings: Mapping[str, str] | None = None,
) -> Iterator[Product]:
    """Run the product on a new database, one process for each role, until the end of the block."""
    assert chain.postgres is not None
    product = Product(chain.postgres.create_database(name))
    asyncio.run(migrate_database(load_settings(database_url=product.database_url)))
    daprds: list[Daprd] = []
    ports = []
    with ExitStack() as stack:
        for number, role in enumerate(roles):
            port = chain.ports.take()
            ports.append(port)
            daprd = chain.add_daprd(App(PRODUCT, port, app_token=TOKEN, dapr_token=TOKEN), style)
            folder = chain.folder / f"product-{name}-{number}"
            folder.mkdir()
            environment = {
                "PYTHONPATH": str(REPOSITORY),
                "PYTHONTZPATH": "",
                "TODO_DATA_DIR": str(folder),
                "TODO_DATABASE_URL": product.database_url,
                "TODO_BROKER": "dapr",
                "TODO_DAPR_HTTP": daprd.url,
                "TODO_TOPIC_STYLE": style,
                "TODO_ROLE": role,
                "TODO_PORT": str(port),
                "TODO_ZONE": "Europe/Berlin",
                "APP_API_TOKEN": TOKEN,
                "DAPR_API_TOKEN": TOKEN,
                **(settings or {}),
            }
            command = [sys.executable, "-P", "-m", "evolution_todo", "worker" if role == "worker" else "serve"]
            program = Program("product", [*command], folder, environment)
            stack.callback(program.stop)
            stack.callback(daprd.stop)
            program.start()
            daprd.begin()
            product.programs.append(program)
            if role != "worker":
                product.url, product.environment = f"http://127.0.0.1:{port}", environment
            if role != "api":
                daprds.append(daprd)
        for port in ports:
            wait_until(partial(is_ready, port), SECONDS, f"the product at port {port} is ready")
        for daprd in daprds:
            daprd.wait_subscribed(2 * count_topics(style), SECONDS)
        yield product


@dataclass
class ExampleConsumer:
    """`examples/consumer`, a process of its own that knows nothing of us, behind a daprd of its own."""

    chain: LiveChain
    port: int
    _style: TopicStyle | None = None
    _daprd: Daprd | None = None

    @property
    def url(self) -> str:
        """The URL where it shows what it has seen."""
        return f"http://127.0.0.1:{self.port}/seen"

    def follow(self, style: TopicStyle) -> None:
        """Let its daprd subscribe in one topic style only."""
        if style == self._style:
            return
        self.unfollow()
        self._style, self._daprd = style, self.chain.add_daprd(App(CONSUMER, self.port, app_token=TOKEN), style)
        self._daprd.start()
        self._daprd.wait_subscribed(count_topics(style), SECONDS)

    def unfollow(self) -> None:
        """End its daprd."""
        if self._daprd is not None:
            self._daprd.stop()
        self._style = self._daprd = None


@contextmanager
def run_consumer(chain: LiveChain) -> Iterator[ExampleConsumer]:
    """Run the example consumer until the end of the block; what is delivered to it is for `follow` to say."""
    consumer = ExampleConsumer(chain, chain.ports.take())
    folder = chain.folder / "consumer"
    folder.mkdir()
    script = REPOSITORY / "examples/consumer/consumer.py"
    environment = {"APP_PORT": str(consumer.port), "APP_API_TOKEN": TOKEN, "PYTHONPATH": ""}
    program = Program("consumer", [sys.executable, "-P", script], folder, environment)
    program.start()
    try:
        wait_until(lambda: ask(consumer.url) is not None, SECONDS, "the example consumer listens")
        yield consumer
    finally:
        consumer.unfollow()
        program.stop()
