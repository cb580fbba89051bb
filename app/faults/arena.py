"""The arena: two processes of the product on one database, each with its own sidecar, on the real chain."""

import secrets
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import httpx2

from app.faults.driver import Call, Driver, make_change
from app.faults.ledger import Ledger
from app.faults.oracle import Acknowledged, Findings, Record, examine
from app.settings import REPOSITORY
from app.system import Chance
from events.catalog import EventType, TopicStyle
from infra.live.chain import LiveChain
from infra.live.kafka import Kafka
from infra.live.postgres import Postgres
from infra.live.programs import LiveError, Program, run_guarded, wait_until
from infra.live.resources import PRODUCT
from infra.live.sidecar import App, Daprd

T = TypeVar("T")

START_SECONDS = 60.0
PUBLISHED_SECONDS = 30.0
"""Seconds after healing within which all pending events are published."""
SEEN_SECONDS = 90.0
"""Seconds within which all consumers have reacted: after 60, the outbox redelivers events that a sidecar skipped."""


class Reader(Protocol):
    """Reads the topics from their beginning, without a consumer group."""

    def read_new(self) -> list[Record]:
        """Return the records since the last call, each partition in order."""
        ...


@dataclass
class Replica:
    """One process of the product and its sidecar; their guards restart them after a crash."""

    url: str
    program: Program
    daprd: Daprd
    role: str = "all"
    said: str = "nothing yet"
    """The last answer of `/readyz`, for the message of a wait that was in vain."""

    def begin(self) -> None:
        """Start both, without waiting."""
        self.program.start()
        self.daprd.begin()

    def is_ready(self) -> bool:
        """Return whether it serves."""
        return self.read_readiness() is not None

    def read_readiness(self) -> dict[str, Any] | None:
        """Return the body of `/readyz`; None unless it answers 200."""
        try:
            response = httpx2.get(f"{self.url}/readyz", timeout=3, trust_env=False)
        except httpx2.TransportError as error:
            self.said = type(error).__name__
            return None
        self.said = f"{response.status_code} {response.text}"
        return dict(response.json()) if response.status_code == 200 else None

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until it serves."""
        try:
            wait_until(self.is_ready, seconds, f"{self.url} serves")
        except LiveError as error:
            raise LiveError(f"{error} /readyz: {self.said}; {self.program.read_end()}") from None


class Arena:
    """The product on a chain, inside a `with` block; `check` tests everything so far against invariants I1 to I6."""

    def __init__(
        self,
        chain: LiveChain,
        make_reader: Callable[[str, list[str]], Reader],
        style: TopicStyle = "type",
        roles: Sequence[str] = ("all", "all"),
        schedule: str | None = None,
        name: str = "faults",
    ) -> None:
        self.chain = chain
        self.style = style
        self.name = name
        self.acknowledged: list[Acknowledged] = []
        self.refused: list[str] = []
        self.records: list[Record] = []
        self.unsent: list[str] = []
        self.sent_twice: list[str] = []
        self.app_token = secrets.token_urlsafe(12)
        self.replicas: list[Replica] = []
        self._roles = tuple(roles)
        self._schedule = schedule
        self._make_reader = make_reader
        self._stack = ExitStack()

    @property
    def kafka(self) -> Kafka:
        """The chain's own broker, which faults may harm."""
        assert self.chain.kafka is not None  # noqa: S101  # the chain was asked for one
        return self.chain.kafka

    @property
    def postgres(self) -> Postgres:
        """The chain's own server, which faults may harm."""
        assert self.chain.postgres is not None  # noqa: S101
        return self.chain.postgres

    @property
    def urls(self) -> list[str]:
        """The base URLs of the replicas that serve people."""
        return [replica.url for replica in self.replicas if replica.role != "worker"]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            url = self.postgres.create_database(self.name, self.chain.disk.folder if self.chain.disk else None)
            self.ledger = Ledger(url)
            self.topics = [topic for topic in self.chain.topics if self._is_ours(topic)]
            self.reader = self._make_reader(self.chain.brokers, self.topics)
            self.reader.read_new()  # skip records that others wrote into these topics before
            for number, role in enumerate(self._roles):
                self.replicas.append(self._lay_out(number, role, url))
                stack.callback(self._end, self.replicas[-1])
            self.run_command("migrate")
            for replica in self.replicas:
                replica.begin()
            for replica in self.replicas:
                self.wait_whole(replica)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def wait_whole(self, replica: Replica) -> None:
        """Wait until a replica serves, and receives what is published."""
        replica.wait_ready()
        if replica.role != "api":
            replica.daprd.wait_subscribed(2 if self.style == "single" else 2 * len(EventType))

    def _is_ours(self, topic: str) -> bool:
        from app.dapr.routes import list_subscriptions

        return topic in list_subscriptions(self.style)

    def _end(self, replica: Replica) -> None:
        replica.program.kill()
        replica.daprd.kill()

    def _lay_out(self, number: int, role: str, database: str) -> Replica:
        port = self.chain.ports.take()
        dapr_token = secrets.token_urlsafe(12)
        daprd = self.chain.add_daprd(
            App(PRODUCT, port, app_token=self.app_token, dapr_token=dapr_token), self.style, self._schedule
        )
        folder = self.chain.folder / f"{self.name}-{number}"
        folder.mkdir()
        environment = {
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONTZPATH": "",
            "TODO_DATA_DIR": str(folder),
            "TODO_DATABASE_URL": database,
            "TODO_BROKER": "dapr",
            "TODO_PUBSUB": "taskevents",
            "TODO_DAPR_HTTP": daprd.url,
            "TODO_TOPIC_STYLE": self.style,
            "TODO_ROLE": role,
            "TODO_AUTH": "local",
            "TODO_HOST": "127.0.0.1",
            "TODO_PORT": str(port),
            "TODO_ZONE": "UTC",
            "TODO_CHANNELS_ALLOW": "http,private",
            "APP_API_TOKEN": self.app_token,
            "DAPR_API_TOKEN": dapr_token,
        }
        command: list[str | Path] = [
            sys.executable,
            "-P",
            "-m",
            "evolution_todo",
            "worker" if role == "worker" else "serve",
        ]
        program = Program(f"serve-{number}", command, folder, environment, restart=True)
        return Replica(f"http://127.0.0.1:{port}", program, daprd, role)

    def run_command(self, *words: str) -> None:
        """Run one command of the product's CLI; raises `LiveError` if it fails."""
        first = self.replicas[0].program
        command = [*first.command[:-1], *words]
        run_guarded(words[0], command, first.folder, START_SECONDS, environment=first.environment)

    def find_leader(self, seconds: float = 20.0) -> Replica:
        """Wait for a replica that does the background work, and return it."""
        found: list[Replica] = []

        def look() -> bool:
            with suppress(OSError, asyncpg.PostgresError):
                holder, _ = self.ledger.read_lease()
                found[:] = [each for each in self.replicas if each.program.pid == holder]
            return bool(found)

        wait_until(look, seconds, "a replica leads")
        return found[0]

    def write(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Make one change outside the drivers, record its acknowledgement, and return the answer."""
        answer, tally = make_change(self.urls, Call(method, path, body))
        self.acknowledged += tally.acknowledged
        if answer is None:
            raise LiveError(f"refused: {tally.refused}")
        return answer

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make a call that changes no task, by the first replica that answers; return the answer."""
        answers: list[httpx2.Response] = []

        def ask() -> bool:
            for url in self.urls:
                with suppress(httpx2.TransportError):
                    answer = httpx2.request(method, f"{url}/api{path}", json=body, timeout=10, trust_env=False)
                    if answer.is_success:
                        answers.append(answer)
                        return True
            return False

        wait_until(ask, START_SECONDS, f"{method} {path} is answered")
        found: dict[str, Any] = answers[0].json() if answers[0].content else {}
        return found

    def enter(self, part: AbstractContextManager[T]) -> T:
        """Open what ends with the arena, and return it."""
        return self._stack.enter_context(part)

    def note_deliveries(self, unsent: Sequence[str], sent_twice: Sequence[str]) -> None:
        """Note what went wrong with a channel, for the next check."""
        self.unsent += unsent
        self.sent_twice += sent_twice

    def drive(self, chance: Chance, writers: int = 4, pace: float = 10.0, urls: Sequence[str] = ()) -> Driver:
        """Return a driver of these addresses, by default all; `keep` adds its tally to the arena's."""
        return Driver(urls or self.urls, chance, writers, pace)

    def keep(self, driver: Driver) -> None:
        """Add a driver's tally to the arena's."""
        self.acknowledged += driver.tally.acknowledged
        self.refused += driver.tally.refused

    def wait_published(self, seconds: float = PUBLISHED_SECONDS) -> None:
        """Wait until no reminder is scheduled and no event is pending."""
        wait_until(lambda: self._ask(self.ledger.count_to_ring) == 0, seconds, "all reminders ring")
        wait_until(lambda: self._ask(self.ledger.count_waiting) == 0, seconds, "all events are published")

    def wait_seen(self, seconds: float = SEEN_SECONDS) -> None:
        """Wait until every consumer has reacted to every event."""
        try:
            wait_until(lambda: self._ask(self.ledger.count_unseen) == 0, seconds, "all events are reacted to")
        except LiveError as error:
            raise LiveError(f"{error} {self.ledger.describe_unseen()}") from None

    def check(self) -> Findings:
        """Wait until the product is idle, then return every violation since the start."""
        self.wait_published()
        self.wait_seen()
        self.records += self.reader.read_new()
        found = examine(
            self.acknowledged, self.ledger.read_committed(), self.records, self.ledger.read_effects(), self.style
        )
        found.lost += self.unsent
        found.effects += self.sent_twice
        return found

    @staticmethod
    def _ask(question: Callable[[], int]) -> int:
        with suppress(OSError, asyncpg.PostgresError):
            return question()
        return -1
