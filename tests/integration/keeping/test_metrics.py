"""Metrics: what a scrape shows of calls, events, reminders and channels, and that it names no person."""

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.http.server import PortTaken, bind, bind_all
from app.settings import BadSettings
from app.watch.advice import ADVICE
from app.watch.state import GAUGES
from tests.architecture.ours import ROOT
from tests.world import World, make_settings, open_world

PROMISES = ("metrics",)

pytestmark = pytest.mark.anyio


async def scrape(world: World) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and the values of its labels, as a scraper reads them."""
    world.clock.move(seconds=2)
    answer = await world.http.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    order = ("tool", "surface", "outcome")
    return {(each.name, *(each.labels[name] for name in order if name in each.labels)): each.value for each in samples}


@pytest.mark.on_both_databases
async def test_a_scrape_shows_calls_events_reminders_and_refusals(world: World) -> None:
    before = await scrape(world)
    assert {name for name, *_ in before} >= GAUGES.keys() - {"todo_disk_free_bytes"}
    assert before["todo_outbox_events",] == 0

    title = "Ärzte und Geheimnis"
    made = await world.rest.post("/tasks", json={"title": title, "reminders": [{"at": "2026-11-23T10:05"}]})
    await world.rest.get("/tasks/none")
    client = await world.connect()
    await world.call(client, "create_task", title="by tool")
    world.clock.move(minutes=10)
    seen = await scrape(world)
    assert seen["todo_calls_total", "create_task", "rest", "ok"] == 1
    assert seen["todo_calls_total", "create_task", "mcp", "ok"] == 1
    assert seen["todo_calls_total", "get_task", "rest", "task_not_found"] == 1
    assert seen["todo_call_seconds_count", "create_task"] == 2
    assert seen["todo_outbox_events",] == 2
    assert seen["todo_outbox_oldest_seconds",] == 602
    assert 300 <= seen["todo_reminders_late_seconds",] <= 310

    await world.tick(seconds=1)
    after = await scrape(world)
    assert after["todo_outbox_events",] == after["todo_reminders_late_seconds",] == 0
    assert after["todo_published_events_total", "published"] == 3
    assert after["todo_publish_seconds_count",] >= 1
    text = (await world.http.get("/metrics")).text
    assert title not in text
    assert made.json()["task"]["id"] not in text
    assert "local" not in text


async def test_the_state_is_read_at_most_once_a_second_and_a_database_that_is_away_shows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scrape(world)
    await world.rest.post("/tasks", json={"title": "new"})
    answer = await world.http.get("/metrics")
    assert "todo_outbox_events 0.0" in answer.text
    assert (await scrape(world))["todo_outbox_events",] == 1


async def test_the_page_is_what_the_library_writes_whatever_the_labels_hold(world: World) -> None:
    metrics = world.service.metrics
    for model in ("plain", 'quoted "\\" twice', "two\nlines", "one\u2028more\x0b\x85", "a blank ", ""):
        for _ in range(2):
            metrics.model_calls.labels(model, "ok").inc(0.1)
            metrics.model_seconds.labels(model).observe(0.3)
            page = await world.http.get("/metrics")
            assert page.content == generate_latest(metrics.registry)


async def test_only_an_admin_reads_metrics_where_several_people_are(tmp_path: Path) -> None:
    async with open_world(tmp_path, auth="token") as world:
        assert (await world.http.get("/metrics")).status_code == 401


async def test_with_a_port_of_their_own_the_metrics_are_there_alone_and_need_no_token(tmp_path: Path) -> None:
    async with open_world(tmp_path, auth="token", metrics_port=9464) as world:
        at = "http://10.0.0.7:9464"
        scraped = await world.http.get(f"{at}/metrics")
        assert scraped.status_code == 200
        assert "todo_database_up 1.0" in scraped.text
        assert (await world.http.get(f"{at}/healthz")).status_code == 200
        for path in ("/", "/api/tasks", "/mcp", "/readyz", "/metrics/", "/openapi.json", "/events/any"):
            assert (await world.http.get(f"{at}{path}")).status_code == 404, path
        assert (await world.http.post(f"{at}/metrics")).status_code == 404
        assert (await world.http.get("/metrics")).status_code == 404, "no longer on the public port"
        assert (await world.http.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"metrics_port": 8000}, "TODO_METRICS_PORT=8000: TODO_PORT is the same"),
        ({"metrics_port": 9000, "events_port": 9000, "broker": "dapr"}, "TODO_EVENTS_PORT is the same"),
        ({"metrics_port": 0}, "TODO_METRICS_PORT: "),
    ],
)
def test_a_port_that_is_taken_by_another_setting_is_refused(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSettings) as refused:
        make_settings(tmp_path, **given)
    assert said in str(refused.value)


def test_the_server_listens_on_it_and_names_the_setting_of_one_that_is_taken(tmp_path: Path) -> None:
    first = bind("127.0.0.1", 0)
    taken = first.getsockname()[1]
    try:
        with pytest.raises(PortTaken, match="TODO_METRICS_PORT"):
            bind_all(make_settings(tmp_path, port=0, metrics_port=taken))
    finally:
        first.close()
    listeners = bind_all(make_settings(tmp_path, port=0, metrics_port=taken))
    try:
        assert [each.getsockname() for each in listeners][1:] == [("127.0.0.1", taken)]
    finally:
        for each in listeners:
            each.close()


async def test_the_rules_name_metrics_that_a_scrape_has_and_each_metric_has_its_advice(world: World) -> None:
    names = {name for name, *_ in await scrape(world)}
    rules = (ROOT / "infra/observe/rules.yaml").read_text("utf-8")
    assert set(re.findall(r"todo_[a-z_]+", rules)) <= names
    families = {family.name for family in world.service.metrics.registry.collect()}
    assert families <= ADVICE.keys()
