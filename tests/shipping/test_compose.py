"""The Compose file is read by docker compose's own parser, and its services fit the product and the live chain."""

import os
import stat
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.sdk import environment_variables

from app.settings import Settings, load_settings
from infra.judge.composition import COMPOSE, load_composition
from infra.live.cache import Say
from infra.live.ports import PortBook
from infra.live.programs import LiveError
from infra.live.resources import CONSUMER, DAPR, PRODUCT
from infra.live.sidecar import App, lay_out_daprd
from infra.live.topics import MOST_BYTES, PARTITIONS, list_topics, name_dead_letters
from infra.live.versions import RUNS
from tests.architecture.ours import PYPROJECT
from tests.shipping.conftest import needing_tools

PROMISES = ("compose",)

Project = dict[str, Any]
DEFAULT, KAFKA = {"todo", "migrate", "postgres"}, {"worker", "daprd", "kafka", "topics"}
WATCH, EXAMPLE = {"prometheus", "grafana", "collector"}, {"consumer", "consumer-daprd"}


@pytest.fixture(scope="module")
def repository(composition: Path) -> Path:
    """The folder of the Compose file."""
    return composition / "infra"


@pytest.fixture(scope="module")
def load(repository: Path, say: Say) -> Callable[..., Project]:
    def load_file(*options: str, file: Path = repository / "compose.yaml", **settings: str) -> Project:
        with needing_tools():
            return load_composition(["-f", file, *options], settings, say)

    return load_file


@pytest.fixture(scope="module")
def with_kafka(load: Callable[..., Project], repository: Path) -> Project:
    return load("--env-file", str(repository / "compose/kafka.env"))


@pytest.fixture(scope="module")
def with_example(load: Callable[..., Project], repository: Path) -> Project:
    words = ("--env-file", str(repository / "compose/kafka.env"), "--profile", "kafka", "--profile", "example")
    return load(*words)


def test_by_default_it_is_the_product_and_postgresql(load: Callable[..., Project]) -> None:
    assert load()["services"].keys() == DEFAULT


def test_with_the_profile_kafka_it_is_the_whole_chain(with_kafka: Project) -> None:
    assert with_kafka["services"].keys() == DEFAULT | KAFKA


def test_with_the_example_another_team_follows(with_example: Project) -> None:
    assert with_example["services"].keys() == DEFAULT | KAFKA | EXAMPLE


def test_of_two_files_with_profiles_the_last_alone_counts_and_named_ones_count_both(
    load: Callable[..., Project], repository: Path
) -> None:
    files = [word for name in ("kafka", "watch") for word in ("--env-file", str(repository / f"compose/{name}.env"))]
    assert load(*files)["services"].keys() == DEFAULT | WATCH
    both = load(*files, "--profile", "kafka", "--profile", "watch")
    assert both["services"].keys() == DEFAULT | KAFKA | WATCH
    settings = both["services"]["worker"]["environment"]
    assert (settings["TODO_BROKER"], settings["OTEL_EXPORTER_OTLP_ENDPOINT"]) == ("dapr", "http://collector:4318")


def test_with_the_profile_watch_it_is_scraped_shown_and_followed(
    load: Callable[..., Project], repository: Path
) -> None:
    project = load("--env-file", str(repository / "compose/watch.env"))
    services = project["services"]
    assert services.keys() == DEFAULT | WATCH
    assert all(each["host_ip"] == "127.0.0.1" for name in WATCH for each in services[name].get("ports", ()))
    assert services["todo"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector:4318"
    assert services["collector"]["environment"]["TRACES_EXPORTER"] == "debug", "what comes is counted, until it is sent"
    for name in WATCH:
        assert services[name]["cap_drop"] == ["ALL"], name
        assert services[name]["read_only"], name
        assert services[name]["image"].endswith(RUNS[name]), name
    assert not {each["target"] for each in services["todo"]["ports"]} & {9464}, "the metrics are published nowhere"
    assert [each["source"] for each in services["grafana"]["secrets"]] == ["grafana-password"]


HARMS: dict[str, tuple[Callable[[Project], object], str]] = {
    "a misspelt key": (lambda each: each["services"]["todo"].update(commmand=[]), "commmand"),
    "a service that is missing": (lambda each: each["services"]["todo"]["depends_on"].update(db={}), "db"),
    "a volume that is missing": (lambda each: each["volumes"].pop("database"), "database"),
    "a secret that is missing": (lambda each: each["secrets"].pop("database-url"), "database-url"),
    "a port that is none": (lambda each: each["services"]["todo"].update(ports=["eight"]), "eight"),
    "a variable without an end": (lambda each: each["services"]["todo"].update(image="${TODO_IMAGE"), "interpolation"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_mistake_is_refused(load: Callable[..., Project], tmp_path: Path, repository: Path, harm: str) -> None:
    change, said = HARMS[harm]
    project = yaml.safe_load((repository / "compose.yaml").read_text("utf-8"))
    change(project)
    (tmp_path / "compose.yaml").write_text(yaml.safe_dump(project), "utf-8")
    with pytest.raises(LiveError, match=said):
        load(file=tmp_path / "compose.yaml")


def read_settings(project: Project, name: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings that the product reads in a service, with its secrets where the file has them."""
    service = project["services"][name]
    for variable in list(os.environ):
        if variable.startswith("TODO_") or variable in ("APP_API_TOKEN", "DAPR_API_TOKEN"):
            monkeypatch.delenv(variable)
    files = {name: each["file"] for name, each in project["secrets"].items()}
    mounted = {f"/run/secrets/{each['source']}": files[each["source"]] for each in service["secrets"]}
    known = {str(field.validation_alias or f"TODO_{name.upper()}") for name, field in Settings.model_fields.items()}
    # OpenTelemetry reads its own variables, of which only the endpoint is a setting too.
    known |= {name for name in vars(environment_variables) if name.startswith("OTEL_")}
    assert service["environment"].keys() <= known
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, mounted.get(value, value))
    return load_settings(**({"role": "worker"} if service["command"] == ["worker"] else {}))


def test_the_product_takes_its_settings(
    load: Callable[..., Project], with_kafka: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = read_settings(load(), "todo", monkeypatch)
    assert (alone.role, alone.broker, alone.auth, alone.on_server) == ("all", "memory", "token", True)
    assert (alone.metrics_host, alone.metrics_port) == ("0.0.0.0", 9464)  # noqa: S104  # of the container
    assert alone.traces_address is None
    api, worker = (read_settings(with_kafka, name, monkeypatch) for name in ("todo", "worker"))
    assert [(each.role, each.broker) for each in (api, worker)] == [("api", "dapr"), ("worker", "dapr")]
    assert api.sidecar_url == "http://worker:3500"
    assert (worker.events_port, worker.events_host) == (8001, "127.0.0.1")
    daprd = with_kafka["services"]["daprd"]["environment"]
    assert (daprd["APP_API_TOKEN"], daprd["DAPR_API_TOKEN"]) == (worker.app_api_token, api.dapr_api_token)
    password = Path(with_kafka["secrets"]["database-password"]["file"]).read_text("utf-8")
    assert f":{password}@postgres:5432/" in api.database_url


def test_the_secrets_are_made_once_and_kept_from_other_accounts(repository: Path) -> None:
    made = {path: path.read_bytes() for path in (repository / "compose/secrets").iterdir()}
    subprocess.run(["bash", repository / "compose/secrets.sh"], check=True, capture_output=True)
    assert {path: path.read_bytes() for path in (repository / "compose/secrets").iterdir()} == made
    assert stat.S_IMODE((repository / "compose/secrets").stat().st_mode) == 0o700
    assert len({made[repository / "compose/secrets" / f"{name}-api-token"] for name in ("app", "dapr")}) == 2
    assert all(len(content) >= 48 for content in made.values())


def test_no_secret_is_in_an_environment_but_daprs_and_the_examples(with_example: Project, repository: Path) -> None:
    secrets = {path.read_text("utf-8") for path in (repository / "compose/secrets").iterdir()}
    for name, service in with_example["services"].items():
        if name not in ("daprd", *EXAMPLE):
            assert not secrets & set(map(str, service.get("environment", {}).values())), name
    ignored = (COMPOSE.parents[1] / ".gitignore").read_text("utf-8")
    assert "infra/compose/secrets/" in ignored


def test_only_the_product_is_reached_and_only_from_this_machine(with_kafka: Project) -> None:
    ports = {name: each["ports"] for name, each in with_kafka["services"].items() if each.get("ports")}
    assert ports.keys() == {"todo"}
    assert [(each["host_ip"], each["target"]) for each in ports["todo"]] == [("127.0.0.1", 8000)]


def test_every_service_runs_with_as_little_as_it_can(with_example: Project) -> None:
    for name, service in with_example["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
    writing = {name for name, each in with_example["services"].items() if not each.get("read_only")}
    assert writing == {"kafka"}
    assert {name for name, each in with_example["services"].items() if each.get("cap_add")} == {"postgres"}


def test_nothing_starts_before_what_it_needs(with_kafka: Project) -> None:
    needs = {
        (name, other): need["condition"]
        for name, service in with_kafka["services"].items()
        for other, need in service.get("depends_on", {}).items()
    }
    assert needs["todo", "migrate"] == needs["worker", "migrate"] == "service_completed_successfully"
    assert needs["migrate", "postgres"] == needs["topics", "kafka"] == "service_healthy"
    assert needs["daprd", "topics"] == "service_completed_successfully"
    healthy = {other for (_, other), condition in needs.items() if condition == "service_healthy"}
    assert all("healthcheck" in with_kafka["services"][each] for each in healthy)


SHARED = {"pubsub.yaml": "components/pubsub.yaml", "resiliency.yaml": "resiliency.yaml"}
SIDECARS = {
    "daprd": (PRODUCT, "worker", SHARED | {"cron.yaml": "components/cron.yaml"}),
    "consumer-daprd": (CONSUMER, "consumer", SHARED | {"tasks.yaml": "subscriptions/tasks.yaml"}),
}
"""Each daprd with its application, whose network it shares, and its resources."""


@pytest.mark.parametrize("name", SIDECARS)
def test_daprd_is_started_as_on_one_machine(with_example: Project, tmp_path: Path, name: str) -> None:
    app_id, beside, resources = SIDECARS[name]
    with closing(PortBook()) as book:
        ours = lay_out_daprd(Path("daprd"), tmp_path, book, App(app_id, 8001), "", tmp_path).program.command
    local = ("dapr-", "metrics-", "profile-", "resources-path", "config", "log-level")
    wanted = {str(word) for word in ours[1:] if not str(word).lstrip("-").startswith(local)}
    daprd = with_example["services"][name]
    assert wanted <= set(daprd["command"])
    assert daprd["network_mode"] == f"service:{beside}"
    mounted = {each["target"]: Path(each["source"]) for each in daprd["volumes"]}
    names = {f"/resources/{target}": place for target, place in resources.items()} | {"/config.yaml": "config.yaml"}
    assert mounted.keys() == names.keys()
    for target, place in names.items():
        assert mounted[target].parts[-len(Path(place).parts) :] == Path(place).parts
        assert (DAPR / place).exists()
    assert daprd["environment"]["TODO_KAFKA_BROKERS"] == "kafka:9092"


def test_the_topics_are_those_of_the_catalogue(with_kafka: Project) -> None:
    (script,) = with_kafka["services"]["topics"]["command"]
    recorded = script.replace("/opt/kafka/bin/kafka-topics.sh", "echo")
    said = subprocess.run(["bash", "-ec", recorded], check=True, capture_output=True, text=True).stdout
    made = [line.split() for line in said.splitlines()]
    topics = list_topics(["type"])
    assert {words[words.index("--topic") + 1] for words in made} == {*topics, *map(name_dead_letters, topics)}
    for words in made:
        assert words[words.index("--partitions") + 1] == str(PARTITIONS)
        assert words[words.index("--config") + 1] == f"max.message.bytes={MOST_BYTES}"


def test_the_images_are_those_that_run_elsewhere(with_kafka: Project) -> None:
    images = {name: each["image"] for name, each in with_kafka["services"].items()}
    assert (
        images["todo"] == images["migrate"] == images["worker"] == f"evolution-todo:{PYPROJECT['project']['version']}"
    )
    assert images["daprd"].endswith(f"daprd:{RUNS['dapr']}")
    assert images["kafka"] == images["topics"]
    assert images["kafka"].endswith(f"kafka:{RUNS['kafka']}")
    assert images["postgres"].endswith(f"postgres:{RUNS['postgresql']}")
    build = with_kafka["services"]["todo"]["build"]
    assert (COMPOSE.parents[1] / build["dockerfile"]).exists()
