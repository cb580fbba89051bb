"""`events verify` on the real chain: green on a good run, and each kind of damage is reported."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from confluent_kafka import Producer

from app.identity import LOCAL_PERSON
from app.service import Service, open_service
from app.settings import Settings, load_settings
from events.catalog import EventType, TopicStyle, name_topic
from infra.live.chain import LiveChain, Plan
from infra.live.resources import PRODUCT
from infra.live.sidecar import App
from tests.live.publishing import Record, read_topic
from todo.requests.schemas import CompleteTask, CreateTask, DeleteTask, UpdateTask
from todo.tasks.tasks import complete_task, create_task, delete_task, update_task

TASKS = 40


@dataclass
class Verified:
    """A chain of its own, whose topics hold what the product has published, and damage as the tests add it."""

    chain: LiveChain
    settings: dict[str, str]
    tasks: list[str] = field(default_factory=list)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TODO_")}
        return subprocess.run(
            [sys.executable, "-m", "evolution_todo", "events", "verify", *words],
            env=kept | self.settings,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def report(self, *words: str) -> dict[str, Any]:
        done = self.run("--json", *words)
        assert done.stdout, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (0 if report["ok"] else 1)
        return report

    def find(self, task_id: str, kind: EventType) -> Record:
        [record] = [
            each
            for each in read_topic(self.chain.brokers, kind)
            if each.key == task_id.encode() and json.loads(each.value)["source"] == "evolution-todo"
        ]
        return record

    def write(self, topic: str, key: bytes | None, value: bytes, partition: int = 0) -> None:
        producer = Producer({"bootstrap.servers": self.chain.brokers, "acks": "all"})
        producer.produce(topic, value, key, partition=partition)
        assert producer.flush(30) == 0


async def make_history(settings: Any) -> list[str]:
    async with open_service(settings) as service:
        tasks = []
        for number in range(TASKS):
            made = await write(service, create_task, CreateTask(title=f"Grüße {number} <&> 世界"))
            tasks.append(made["task"]["id"])
        for task_id in tasks:
            await write(service, update_task, UpdateTask(task_id=task_id, notes="x" * 2_000))
            await write(service, update_task, UpdateTask(task_id=task_id, add_tags=["a"]))
        for task_id in tasks[: TASKS // 2]:
            await write(service, complete_task, CompleteTask(task_id=task_id))
            await write(service, delete_task, DeleteTask(task_id=task_id))
        while await service.relay.step():
            pass
        return tasks


async def write(service: Service, use_case: Any, request: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await service.store.write(LOCAL_PERSON, lambda work: use_case(work, request))
    return answer


def prepare(chain: LiveChain, folder: Path, style: TopicStyle) -> Verified:
    daprd = chain.add_daprd(App(PRODUCT))
    daprd.start()
    settings = load_settings(
        data_dir=folder,
        zone="UTC",
        broker="dapr",
        dapr_http=daprd.url,
        topic_style=style,
        database_url="sqlite:///t.db",
    )
    tasks = anyio.run(make_history, settings)
    daprd.stop()
    return Verified(chain, name_environment(chain, folder, style), tasks)


def name_environment(chain: LiveChain, folder: Path, style: TopicStyle) -> dict[str, str]:
    return {
        "TODO_DATA_DIR": str(folder),
        "TODO_DATABASE_URL": "sqlite:///t.db",
        "TODO_BROKER": "dapr",
        "TODO_TOPIC_STYLE": style,
        "TODO_KAFKA_BROKERS": chain.brokers,
    }


@pytest.fixture(scope="module")
def own(chain: LiveChain) -> Iterator[LiveChain]:
    """Other tests leave foreign records on the topics of the shared chain."""
    with LiveChain(Plan(postgres=False, brokers=None, partitions=3)) as opened:
        yield opened


@pytest.fixture(scope="module")
def verified(own: LiveChain, tmp_path_factory: pytest.TempPathFactory) -> Verified:
    return prepare(own, tmp_path_factory.mktemp("verified"), "type")


EVENTS = TASKS * 3 + TASKS // 2 * 2


def test_a_good_run_is_green_with_and_without_the_database(verified: Verified) -> None:
    report = verified.report()
    assert report["ok"], report
    assert sum(each["events"] for each in report["topics"]) == EVENTS
    assert {each["partitions"] for each in report["topics"]} == {3}
    assert report["notes"] == []
    assert verified.report("--no-database")["ok"]
    done = verified.run()
    assert done.returncode == 0, done.stderr
    assert "task.deleted" in done.stdout
    assert "Every event is there" in done.stdout


async def record_one(settings: Settings) -> None:
    async with open_service(settings) as service:
        await write(service, create_task, CreateTask(title="Not yet published"))


def test_what_waits_in_the_outbox_is_told_and_no_fault(own: LiveChain, tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, zone="UTC", broker="dapr", database_url="sqlite:///t.db")
    anyio.run(record_one, settings)
    report = Verified(own, name_environment(own, tmp_path, "convention")).report()
    assert report["notes"] == ["1 events are not published yet and were not looked for"]
    assert report["ok"]


@pytest.mark.long("the styles have tests of their own on the chain")
@pytest.mark.parametrize("style", ["convention", "single"])
def test_the_other_styles_are_read_too(own: LiveChain, tmp_path: Path, style: TopicStyle) -> None:
    report = prepare(own, tmp_path, style).report()
    assert report["ok"], report
    assert sum(each["events"] for each in report["topics"]) == EVENTS
    assert len(report["topics"]) == len({name_topic(kind, style) for kind in EventType})


@pytest.mark.long("10 s")
def test_a_true_duplicate_is_counted_and_no_fault(verified: Verified) -> None:
    record = verified.find(verified.tasks[0], EventType.TASK_CREATED)
    verified.write("task.created", record.key, record.value, record.partition)
    report = verified.report()
    assert report["ok"], report
    assert report["topics"][0]["duplicates"] == 1


def test_each_kind_of_damage_is_told(verified: Verified) -> None:
    task = verified.tasks[1]
    record = verified.find(task, EventType.TASK_CREATED)
    verified.write("task.created", record.key, record.value.replace(b"1 ", b"2 ", 1), record.partition)
    verified.write("task.updated", None, b"\xff no event")
    verified.write("task.updated", b"x", json.dumps({"specversion": "1.0", "source": "elsewhere"}).encode(), 1)
    other = "01930000-0000-7000-8000-00000000ffff"
    for version in (3, 2):  # of an unknown task, the later version first
        event = json.loads(record.value.replace(task.encode(), other.encode()))
        event["id"] = event["data"]["event_id"] = f"inverted-{version}"
        event["type"] = event["data"]["event_type"] = "task.updated"
        event["data"]["data"]["version"] = version
        verified.write("task.updated", other.encode(), json.dumps(event).encode())

    report = verified.report()

    assert report["counts"] == {"changed": 1, "foreign": 2, "order": 1, "unknown": 2}
    tasks = {each["task_id"]: [found["kind"] for found in each["findings"]] for each in report["tasks"]}
    assert tasks == {task: ["changed"], other: ["order", "unknown", "unknown"]}
    assert sorted(each["detail"].split("@")[0] for each in report["records"]) == ["task.updated[0]", "task.updated[1]"]
    gaps = verified.report("--no-database")
    assert gaps["counts"] == {"changed": 1, "foreign": 2, "missing": 1, "order": 1}
    done = verified.run()
    assert done.returncode == 1
    assert "wrong: 1 changed, 2 foreign, 1 order, 2 unknown" in done.stdout


def test_what_is_marked_as_published_and_is_not_there_is_missing(verified: Verified) -> None:
    async def pretend() -> str:
        folder = Path(verified.settings["TODO_DATA_DIR"])
        settings = load_settings(data_dir=folder, zone="UTC", database_url="sqlite:///t.db", broker="memory")
        async with open_service(settings) as service:
            made = await write(service, create_task, CreateTask(title="Lost"))
            await service.relay.step()  # to the embedded broker: Kafka never sees it
            return str(made["task"]["id"])

    lost = anyio.run(pretend)
    report = verified.report()
    assert report["counts"]["missing"] == 1
    assert next(each for each in report["tasks"] if each["task_id"] == lost)["findings"][0]["kind"] == "missing"


@pytest.mark.long("20 s")
def test_where_nobody_answers_or_a_topic_is_missing_one_sentence_says_so(verified: Verified) -> None:
    done = verified.run("--brokers", "127.0.0.1:9")
    assert done.returncode == 1
    assert "No broker answers at 127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
