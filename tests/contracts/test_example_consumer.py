"""The example consumer meets the requirements of `docs/consumers.md` and imports none of our packages."""

import ast
import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest
from pydantic_core import to_json

from app.channels.webhook import sign, write_secret
from app.system import SystemClock
from tests.architecture.ours import PACKAGES, ROOT

pytestmark = pytest.mark.anyio

SCRIPT = ROOT / "examples/consumer/consumer.py"
WEBHOOK = SCRIPT.with_name("webhook.py")
SUCCESS, RETRY, DROP = ({"status": word} for word in ("SUCCESS", "RETRY", "DROP"))


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.delenv("APP_API_TOKEN", raising=False)
    return load(SCRIPT)


def load(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{script.stem}", script)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
async def http(module: ModuleType, anyio_backend: str) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=module.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def make_event(event_id: str, kind: str, version: int, **more: Any) -> dict[str, Any]:
    data = {"version": version, "task": {"id": "t", "title": f"as of {version}"}, **more}
    return {"id": event_id, "type": kind, "data": {"event_id": event_id, "task_id": "t", "data": data}}


async def deliver(http: httpx2.AsyncClient, event: dict[str, Any]) -> Any:
    response = await http.post(f"/events/{event['type'].replace('.', '-')}", json=event)
    assert response.status_code == 200
    return response.json()


async def look(http: httpx2.AsyncClient) -> Any:
    return (await http.get("/seen")).json()


async def test_an_older_state_does_not_replace_a_newer_one(http: httpx2.AsyncClient) -> None:
    for event_id, kind, version in (("a", "task.updated", 3), ("b", "task.created", 1), ("c", "task.completed", 7)):
        assert await deliver(http, make_event(event_id, kind, version)) == SUCCESS

    seen = await look(http)
    assert seen["tasks"] == {"t": {"version": 7, "task": {"id": "t", "title": "as of 7"}}}
    assert [event["id"] for event in seen["events"]] == ["a", "b", "c"]


async def test_a_deleted_task_stays_deleted_until_something_newer_comes(http: httpx2.AsyncClient) -> None:
    await deliver(http, make_event("a", "task.deleted", 5))
    await deliver(http, make_event("b", "task.updated", 4))
    assert (await look(http))["tasks"] == {"t": {"version": 5, "task": None}}

    await deliver(http, make_event("c", "task.created", 6, restored=True))
    assert (await look(http))["tasks"]["t"]["version"] == 6


async def test_the_same_event_counts_once(http: httpx2.AsyncClient) -> None:
    for _ in range(3):
        assert await deliver(http, make_event("a", "task.created", 1)) == SUCCESS

    assert len((await look(http))["events"]) == 1


async def test_a_late_ring_does_not_undo_a_newer_one_and_changes_no_task(http: httpx2.AsyncClient) -> None:
    for event_id, sequence in (("a", 2), ("b", 1)):
        ring = make_event(event_id, "reminder.due", 9, reminder={"id": "r", "sequence": sequence})
        assert await deliver(http, ring) == SUCCESS

    seen = await look(http)
    assert (seen["rung"], seen["tasks"]) == ({"r": 2}, {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b'{"id": "a", "type": "task.created", "data": "text"}',
        b'{"id": "a", "type": "task.created", "data": {"task_id": "t", "data": {"version": "x", "task": {}}}}',
        b'{"id": "a", "type": "task.exploded", "data": {"task_id": "t", "data": {"version": 1, "task": {}}}}',
        b'{"id": [], "type": [], "data": {"task_id": [], "data": {"version": 1, "task": {}}}}',
        b'{"id": "a", "type": "task.created", "data": {"task_id": "t", "data": {"version": 1}}}',
        b'{"id": "a", "type": "task.created", "data": {"task_id": [], "data": {"version": 1, "task": {}}}}',
        b'{"id": {}, "type": "task.created", "data": {"task_id": "t", "data": {"version": 1, "task": {}}}}',
        b'{"id": "a", "type": "task.created", "data": {"task_id": "t", "data": {"version": 1e999, "task": {}}}}',
        b"[" * 100_000,
    ],
    ids=range(15),
)
async def test_what_can_never_be_read_goes_to_the_dead_letters(http: httpx2.AsyncClient, body: bytes) -> None:
    response = await http.post("/events/task-created", content=body, headers={"content-type": "text/plain"})

    assert (response.status_code, response.json()) == (200, DROP)
    assert await look(http) == {"events": [], "tasks": {}, "rung": {}}


async def test_trouble_of_its_own_is_tried_again(
    http: httpx2.AsyncClient, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(module, "apply", fail)
        assert await deliver(http, make_event("a", "task.created", 1)) == RETRY
    assert await deliver(http, make_event("a", "task.created", 1)) == SUCCESS
    assert list((await look(http))["tasks"]) == ["t"]


async def test_only_its_sidecar_delivers(http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_API_TOKEN", "secret")
    event = make_event("a", "task.created", 1)

    wrong: list[dict[bytes, bytes]] = [{}, {b"dapr-api-token": "sécret".encode()}]
    for headers in wrong:
        assert (await http.post("/events/task-created", json=event, headers=headers)).status_code == 401
    assert (await http.post("/events/task-created", json=event, headers={"dapr-api-token": "secret"})).json() == SUCCESS


async def test_all_its_subscriptions_are_declared_in_the_file(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/dapr/subscribe")).json() == []
    assert (await http.get("/healthz")).status_code == 200


def test_it_imports_nothing_of_ours_and_is_short() -> None:
    tree = ast.parse(SCRIPT.read_text("utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.partition(".")[0] for name in names}.isdisjoint(PACKAGES)
    code = [line for line in SCRIPT.read_text("utf-8").splitlines() if line.strip() and not line.startswith("#")]
    assert len(code) <= 80


SECRET = write_secret(b"0" * 32)


async def post(
    http: httpx2.AsyncClient, event: dict[str, Any], *, secrets: tuple[str, ...] = (SECRET,), age: int = 0
) -> int:
    """Post an event as our webhooks do; return the status."""
    body, at = to_json(event), str(int(SystemClock().now().timestamp()) - age)
    signed = " ".join(sign(secret, event["id"], at, body) for secret in secrets)
    headers = {"webhook-id": event["id"], "webhook-timestamp": at, "webhook-signature": signed}
    return (await http.post("/webhook", content=body, headers=headers)).status_code


@pytest.fixture
def webhook(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The same service with the route of the webhook."""
    monkeypatch.setitem(sys.modules, "consumer", module)
    return load(WEBHOOK)


@pytest.mark.usefixtures("webhook")
async def test_a_webhook_leads_to_the_same_state_and_an_event_on_both_ways_counts_once(
    http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    first, second = make_event("a", "task.created", 1), make_event("b", "task.updated", 2)
    assert await deliver(http, first) == SUCCESS
    assert [await post(http, each) for each in (first, second)] == [204, 204]
    seen = await look(http)
    assert ([event["id"] for event in seen["events"]], seen["tasks"]["t"]["version"]) == (["a", "b"], 2)
    other = write_secret(b"1" * 32)
    assert await post(http, make_event("c", "task.updated", 3), secrets=(other, SECRET)) == 204
    assert await post(http, {"id": "d", "type": "channel.test"}) == 202, "a test of the channel"


@pytest.mark.usefixtures("webhook")
async def test_a_webhook_that_is_not_signed_or_old_is_refused(
    http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = make_event("a", "task.created", 1)
    assert await post(http, event) == 401, "without a secret of its own it takes nothing"
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    assert await post(http, event, secrets=(write_secret(b"1" * 32),)) == 401
    assert await post(http, event, age=400) == 401
    assert (await http.post("/webhook", json=event)).status_code == 401
    assert (await look(http))["events"] == []
