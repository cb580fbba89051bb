"""The dashboard, the rules and Prometheus' settings: what they name is in a real scrape, and promtool reads them."""

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app.watch.advice import ADVICE
from infra.judge.collector import provide_collector
from infra.judge.composition import COMPOSE
from infra.judge.manifests import KUBERNETES
from infra.live.cache import Say
from infra.live.versions import RUNS
from tests.architecture.ours import ROOT
from tests.observe import OBSERVE, run_promtool
from tests.shipping.conftest import needing_tools
from tests.world import World

PROMISES = ("dashboard",)

BOARD: dict[str, Any] = json.loads((OBSERVE / "dashboard.json").read_text("utf-8"))
EXPRESSIONS = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
LONG = pytest.mark.long("it wants promtool")
_BRACES = re.compile(r"\{\{(\w+)\}\}")


async def scrape(world: World) -> tuple[str, dict[str, set[str]]]:
    """Return a scrape after a little of everything, and the labels of each sample by its name."""
    made = await world.rest.post("/tasks", json={"title": "Buy milk"})
    await world.rest.get("/tasks?limit=none")
    await world.settle()
    metrics = world.service.metrics
    metrics.note_attempt("ntfy", "sent")
    metrics.note_removed("events", 1)
    metrics.model_calls.labels("a", "ok").inc()
    metrics.model_seconds.labels("a").observe(1)
    metrics.model_tokens.labels("a", "in").inc()
    assert made.status_code == 201
    world.clock.move(seconds=2)
    text = (await world.http.get("/metrics")).text
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    labels: dict[str, set[str]] = {}
    for each in samples:
        labels.setdefault(each.name, set()).update(each.labels)
    return text, labels


@pytest.mark.anyio
async def test_each_panel_asks_for_what_a_scrape_has_by_labels_that_it_has(world: World) -> None:
    _, labels = await scrape(world)
    for panel in BOARD["panels"]:
        for target in panel["targets"]:
            names = re.findall(r"todo_[a-z_]+", target["expr"])
            assert names, target
            known = set().union(*(labels.get(name, {"missing"}) for name in names))
            assert "missing" not in known, target["expr"]
            grouped = re.search(r"by \(([a-z, ]+)\)", target["expr"])
            wanted = set() if grouped is None else set(grouped[1].split(", "))
            assert wanted <= known, target["expr"]
            assert set(_BRACES.findall(target["legendFormat"])) <= wanted, target


def test_each_metric_is_on_the_dashboard() -> None:
    asked = {
        re.sub(r"_(total|bucket)$", "", name) for each in EXPRESSIONS for name in re.findall(r"todo_[a-z_]+", each)
    }
    assert asked == ADVICE.keys()


def test_the_panels_have_places_of_their_own_and_one_source() -> None:
    taken: list[set[tuple[int, int]]] = []
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        across, down = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        taken.append({(x, y) for x in across for y in down})
        assert panel["datasource"] == {"type": "prometheus", "uid": "${source}"}
    assert not any(one & other for one, other in combinations(taken, 2))
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    assert [each["name"] for each in BOARD["templating"]["list"]] == ["source"]


def test_what_compose_mounts_is_where_each_program_looks() -> None:
    services = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    mounted = {
        name: {target: source for source, target, *_ in (each.split(":") for each in services[name]["volumes"])}
        for name in ("prometheus", "grafana", "collector")
    }
    for name, places in mounted.items():
        for source in places.values():
            assert not source.startswith(".") or (COMPOSE.parent / source).is_file(), f"{name}: {source}"
    assert services["collector"]["command"] == [f"--config={next(iter(mounted['collector']))}"]
    settings = yaml.safe_load((OBSERVE / "prometheus.yaml").read_text("utf-8"))
    assert set(settings["rule_files"]) <= mounted["prometheus"].keys()
    assert (
        f"--config.file={next(each for each in mounted['prometheus'] if each.endswith('prometheus.yaml'))}"
        in (services["prometheus"]["command"])
    )
    ((found,),) = ([each["dns_sd_configs"] for each in settings["scrape_configs"]],)
    assert {*found[0]["names"]} == {"todo", "worker"}
    assert str(found[0]["port"]) == services["todo"]["environment"].get(
        "TODO_METRICS_PORT", yaml.safe_load(COMPOSE.read_text("utf-8"))["x-product"]["environment"]["TODO_METRICS_PORT"]
    )
    (provider,) = yaml.safe_load((OBSERVE / "grafana/boards.yaml").read_text("utf-8"))["providers"]
    assert f"{provider['options']['path']}/dashboard.json" in mounted["grafana"]
    (source,) = yaml.safe_load((OBSERVE / "grafana/source.yaml").read_text("utf-8"))["datasources"]
    assert source["url"] == "http://prometheus:9090"


def test_in_a_cluster_the_rules_are_the_same() -> None:
    rules, there = (
        yaml.safe_load(path.read_text("utf-8")) for path in (OBSERVE / "rules.yaml", KUBERNETES / "watch/rules.yaml")
    )
    assert there["spec"] == rules


WRONG_COLLECTORS = (
    ("limit_mib", "limit_mb"),
    ("receivers: [otlp]", "receivers: [oltp]"),
    ("verbosity: basic", "verbosity: loud"),
)


@LONG
def test_the_collector_reads_its_settings_and_refuses_others(tmp_path: Path, say: Say) -> None:
    with needing_tools():
        collector = provide_collector(say)
    given = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]["collector"]["environment"]
    variables = {name: value.partition(":-")[2].rstrip("}") for name, value in given.items()}

    def validate(path: Path, **settings: str) -> str:
        command = [str(collector), "validate", f"--config={path}"]
        done = subprocess.run(command, env={**variables, **settings}, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == (done.stderr == ""), done.stderr
        return done.stderr

    kept = OBSERVE / "collector.yaml"
    assert validate(kept) == ""
    assert validate(kept, TRACES_EXPORTER="otlp_http", TRACES_ENDPOINT="https://traces.example") == ""
    assert "elsewhere" in validate(kept, TRACES_EXPORTER="elsewhere")
    for right, wrong in WRONG_COLLECTORS:
        (tmp_path / "wrong.yaml").write_text(kept.read_text("utf-8").replace(right, wrong), "utf-8")
        assert validate(tmp_path / "wrong.yaml"), wrong


def test_the_collector_is_built_of_the_modules_of_its_image() -> None:
    modules = (ROOT / "infra/judge/otelcol/go.mod").read_text("utf-8")
    named = set(re.findall(r"go\.opentelemetry\.io/collector/\S+ v(0\.\d+\.\d+)", modules))
    assert named == {RUNS["collector"]}


@LONG
def test_promtool_reads_the_rules_their_tests_and_each_expression_of_the_dashboard(tmp_path: Path) -> None:
    run_promtool("check", "rules", OBSERVE / "rules.yaml")
    run_promtool("test", "rules", OBSERVE / "rules.test.yaml")
    rules = [
        {"record": f"panel:{number}", "expr": each.replace("$__rate_interval", "5m")}
        for number, each in enumerate(EXPRESSIONS)
    ]
    page = tmp_path / "dashboard.yaml"
    page.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), "utf-8")
    assert f"{len(rules)} rules found" in run_promtool("check", "rules", page)
    config = yaml.safe_load((OBSERVE / "prometheus.yaml").read_text("utf-8"))
    config["rule_files"] = [str(OBSERVE / "rules.yaml")]
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config), "utf-8")
    run_promtool("check", "config", tmp_path / "prometheus.yaml")


@LONG
@pytest.mark.anyio
async def test_promtool_reads_a_scrape(world: World) -> None:
    text, _ = await scrape(world)
    run_promtool("check", "metrics", given=text)
