"""The real chain of this machine: PostgreSQL, Kafka with its topics, and any number of daprds."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from events.catalog import TopicStyle
from infra.live.cache import Say
from infra.live.disk import Disk, find_trouble
from infra.live.kafka import Kafka, Listeners, lay_out_kafka
from infra.live.ports import LOOPBACK, PortBook
from infra.live.postgres import OWNER, Postgres, lay_out_postgres
from infra.live.programs import ToolsMissing, find_unprivileged
from infra.live.provision import Wanted, find_missing, provide_daprd, provide_kafka
from infra.live.resources import lay_out_resources
from infra.live.sidecar import App, Daprd, lay_out_daprd
from infra.live.topics import PARTITIONS, STYLES, provide_topics

_PREFIX = "evolution-todo-live-"


def _read_postgres_url() -> str | None:
    url = os.environ.get("TODO_DATABASE_URL", "")
    return url if url.startswith(("postgresql://", "postgres://")) else None


@dataclass(frozen=True)
class Plan:
    """The parts of the chain to start; `brokers` and `database_url` name running services to use instead.

    `harmed` adds what some faults need: a forwarder between daprd and Kafka, and a disk for PostgreSQL that can fill.
    """

    kafka: bool = True
    postgres: bool = True
    daprd: bool = True
    brokers: str | None = field(default_factory=lambda: os.environ.get("TODO_KAFKA_BROKERS") or None)
    database_url: str | None = field(default_factory=_read_postgres_url)
    kafka_nodes: int = 1
    kafka_listeners: Listeners = field(default_factory=dict)
    partitions: int = PARTITIONS
    styles: Sequence[TopicStyle] = STYLES
    postgres_settings: Mapping[str, str] = field(default_factory=dict)
    harmed: bool = False

    @property
    def wanted(self) -> Wanted:
        """The parts that have to be started here."""
        return Wanted(
            kafka=self.kafka and not self.brokers, postgres=self.postgres and not self.database_url, daprd=self.daprd
        )


class LiveChain:
    """The running chain inside `with LiveChain() as chain`; its programs end with it, even if this process is killed.

    `chain.kafka` and `chain.postgres` are None where a running service is used; `chain.brokers` and
    `chain.database_url` are valid in both cases. Raises `ToolsMissing` with one sentence for each tool.
    """

    def __init__(self, plan: Plan | None = None, say: Say = lambda _: None) -> None:
        self.plan = plan or Plan()
        self.say = say
        self.kafka: Kafka | None = None
        self.postgres: Postgres | None = None
        self.daprds: list[Daprd] = []
        self.topics: list[str] = []
        self.disk: Disk | None = None
        self._stack = ExitStack()
        self._daprd = Path()

    def __enter__(self) -> Self:
        missing = find_missing(self.plan.wanted)
        if missing:
            raise ToolsMissing("\n".join(missing))
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop everything that was started, the daprds first."""
        self._stack.close()

    @property
    def brokers(self) -> str:
        """Kafka's addresses."""
        return self.kafka.brokers if self.kafka else self.plan.brokers or ""

    @property
    def _before(self) -> str:
        forwarders = self.kafka.forwarders if self.kafka else []
        return ",".join(f"{LOOPBACK}:{each.port}" for each in forwarders) or self.brokers

    @property
    def database_url(self) -> str | None:
        """The address of a PostgreSQL database; None if the plan has none."""
        return self.postgres.url if self.postgres else self.plan.database_url

    def _start(self, stack: ExitStack) -> None:
        wanted = self.plan.wanted
        jars = provide_kafka(self.say) if wanted.kafka else Path()
        self._daprd = provide_daprd(self.say) if wanted.daprd else Path()
        self.folder = _make_folder(stack)
        self.ports = PortBook()
        stack.callback(self.ports.close)
        if wanted.kafka:
            folder, nodes = self.folder / "kafka", self.plan.kafka_nodes
            self.kafka = lay_out_kafka(
                jars, folder, self.ports, nodes, self.plan.kafka_listeners, forwarded=self.plan.harmed
            )
            stack.callback(self.kafka.kill)  # its data is discarded, so an orderly stop gains nothing
            self.kafka.begin()
            for forwarder in self.kafka.forwarders:
                stack.callback(forwarder.close)
                forwarder.start()
        if wanted.postgres:
            if self.plan.harmed and not find_trouble():
                self.disk = self._mount(stack)
            self.postgres = lay_out_postgres(self.folder / "postgres", self.ports, self.plan.postgres_settings)
            stack.callback(self.postgres.kill)
            self.postgres.start()
            self.postgres.create_database(OWNER)
        if self.kafka:
            self.kafka.wait_ready()
        if self.brokers:
            self.topics = provide_topics(self.brokers, self.plan.styles, self.plan.partitions)
        stack.callback(self._end_daprds)

    def _mount(self, stack: ExitStack) -> Disk:
        folder = self.folder / "disk"
        folder.mkdir()
        disk = Disk(folder, find_unprivileged())
        stack.callback(disk.close)
        return disk

    def _end_daprds(self) -> None:
        for daprd in self.daprds:
            daprd.kill()

    def add_daprd(
        self,
        app: App,
        style: TopicStyle = "type",
        schedule: str | None = None,
        retries: int | None = None,
        brokers: str | None = None,
    ) -> Daprd:
        """Return a daprd beside an app, not yet started, with the resources of this repository.

        `schedule` and `retries` are those of `lay_out_resources`; `brokers` overrides Kafka's addresses, for a proxy.
        """
        folder = self.folder / f"daprd-{len(self.daprds)}-{app.app_id}"
        lay_out_resources(folder / "resources", style, schedule, retries, app.app_id)
        daprd = lay_out_daprd(self._daprd, folder, self.ports, app, brokers or self._before, folder / "resources")
        self.daprds.append(daprd)
        return daprd


def _make_folder(stack: ExitStack) -> Path:
    """Return a temporary folder for this chain; remove the folders of killed chains first."""
    place = Path(tempfile.gettempdir())
    for old in place.glob(f"{_PREFIX}*"):
        with ExitStack() as turn:
            try:
                lock = turn.enter_context((old / "owner.lock").open("rb"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # in use, being created, or another user's
                continue
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    fcntl.flock(stack.enter_context((folder / "owner.lock").open("ab")), fcntl.LOCK_EX)
    folder.chmod(0o711)  # a PostgreSQL of another user has to traverse it
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder
