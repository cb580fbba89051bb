"""The Dapr files match the catalogue and override every dangerous default."""

import copy
import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from events.catalog import EventType, TopicStyle, name_topic
from infra.live.ports import PortBook
from infra.live.resources import CONSUMER, DAPR, PRODUCT, find_subscriptions, lay_out_resources, read_metadata_of
from infra.live.sidecar import HEALTH_FAILURES, App, lay_out_daprd
from infra.live.topics import STYLES, list_topics, name_dead_letters

PROMISES = ("dapr-files",)

Resource = dict[str, Any]
TOPICS = list_topics()
DEAD = [name_dead_letters(topic) for topic in TOPICS]
SESSION_SECONDS, HEALTH_SECONDS, DRAIN_SECONDS = 10.0, 1 * HEALTH_FAILURES, 30.0
"""Kafka's session timeout; daprd's time to notice that the app is down; its wait for deliveries afterwards."""
SECRETS = re.compile(r"password|secret|token|key$", re.IGNORECASE)


def read(path: str) -> Resource:
    (document,) = yaml.safe_load_all((DAPR / path).read_text("utf-8"))
    assert isinstance(document, dict)
    return document


def read_scopes(value: str) -> dict[str, list[str]]:
    parts = (part.partition("=") for part in value.split(";"))
    return {app: topics.split(",") for app, _, topics in parts}


def read_seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+)(ms|s|m)", text)
    assert match, text
    return int(match[1]) * {"ms": 0.001, "s": 1, "m": 60}[match[2]]


def read_protocol(settings: dict[str, str]) -> tuple[int, ...]:
    return tuple(int(part) for part in settings.get("version", "2.0.0").split("."))


TIMEOUTS = ("dialTimeout", "readTimeout", "writeTimeout", "metadataTimeout")
DANGERS: dict[str, Callable[[dict[str, str]], bool]] = {
    "a new consumer misses what came before its first commit": lambda has: has.get("initialOffset") != "oldest",
    "the protocol of Kafka 2.0": lambda has: read_protocol(has) < (4, 0, 0),
    "applications share a group": lambda has: bool({"consumerGroup", "consumerID"} & has.keys()),
    "a message that fails is passed over": lambda has: has.get("consumeRetryEnabled") != "true",
    "a message that fails often is passed over": lambda has: "backOffMaxRetries" in has,
    "acknowledged, but not written": lambda has: has.get("producerRequiredAcks") != "all",
    "a hung broker is asked again and again": lambda has: int(has.get("producerRetryMax", 5)) > 3,
    "a hung broker holds a call": lambda has: any(read_seconds(has.get(name, "30s")) > 5 for name in TIMEOUTS),
    "another limit than the topics have": lambda has: has.get("maxMessageBytes") != "1048576",
    "anybody may pose as the broker": lambda has: "true" in (has.get("disableTls"), has.get("skipVerify")),
    "the brokers stand in the file": lambda has: not has.get("brokers", "").startswith("$"),
    "a secret stands in the file": lambda has: any(SECRETS.search(name) and has[name][0] != "$" for name in has),
    "everybody may publish": lambda has: not {"protectedTopics", "publishingScopes"} <= has.keys(),
    "everybody may subscribe": lambda has: "subscriptionScopes" not in has,
    "the broker's logs call it sarama": lambda has: "clientID" not in has,
}


def find_dangers_of_pubsub(component: Resource) -> Iterator[str]:
    settings = read_metadata_of(component)
    yield from (danger for danger, is_so in DANGERS.items() if is_so(settings))
    if not component.get("scopes"):
        yield "every application loads it"
    if component["spec"].get("ignoreErrors"):
        yield "daprd runs on without the component"


def change(name: str, value: str | None) -> Callable[[Resource], None]:
    def apply(component: Resource) -> None:
        items = component["spec"]["metadata"]
        items[:] = [item for item in items if item["name"] != name]
        if value is not None:
            items.append({"name": name, "value": value})

    return apply


def test_the_pubsub_component_has_no_dangerous_default() -> None:
    assert list(find_dangers_of_pubsub(read("components/pubsub.yaml"))) == []


@pytest.mark.parametrize(
    "make_dangerous",
    [
        change("initialOffset", None),
        change("initialOffset", "newest"),
        change("version", None),
        change("version", "3.9.0"),
        change("consumerGroup", "tasks"),
        change("consumerID", "tasks"),
        change("consumeRetryEnabled", "false"),
        change("backOffMaxRetries", "3"),
        change("producerRequiredAcks", "local"),
        change("producerRetryMax", None),
        change("dialTimeout", None),
        change("readTimeout", "30s"),
        change("maxMessageBytes", None),
        change("skipVerify", "true"),
        change("brokers", "kafka:9092"),
        change("saslPassword", "hunter2"),
        change("publishingScopes", None),
        change("clientID", None),
        lambda component: component.pop("scopes"),
        lambda component: component["spec"].update(ignoreErrors=True),
    ],
)
def test_each_dangerous_default_would_be_seen(make_dangerous: Callable[[Resource], object]) -> None:
    component = copy.deepcopy(read("components/pubsub.yaml"))
    make_dangerous(component)

    assert list(find_dangers_of_pubsub(component))


def test_the_pubsub_component_is_the_one_that_the_product_asks_for() -> None:
    component = read("components/pubsub.yaml")

    assert (component["metadata"]["name"], component["spec"]["type"]) == ("taskevents", "pubsub.kafka")
    assert component["scopes"] == [PRODUCT, CONSUMER]


def test_only_the_product_publishes_and_each_topic_of_the_catalogue_is_covered() -> None:
    settings = read_metadata_of(read("components/pubsub.yaml"))

    assert settings["protectedTopics"].split(",") == TOPICS + DEAD
    assert read_scopes(settings["publishingScopes"]) == {PRODUCT: TOPICS + DEAD, CONSUMER: DEAD}
    assert read_scopes(settings["subscriptionScopes"]) == {PRODUCT: TOPICS + DEAD, CONSUMER: TOPICS + DEAD}


def test_the_cron_binding_cannot_be_switched_off_by_an_answer_to_options() -> None:
    component = read("components/cron.yaml")

    assert (component["metadata"]["name"], component["spec"]["type"]) == ("recurring-scheduler", "bindings.cron")
    assert read_metadata_of(component) == {
        "schedule": "0 * * * *",
        "direction": "input",
        "route": "/bindings/recurring-scheduler",
    }
    assert component["scopes"] == [PRODUCT]


def test_deliveries_are_tried_longer_than_an_outage_goes_unnoticed() -> None:
    resiliency = read("resiliency.yaml")
    inbound = resiliency["spec"]["targets"]["components"]["taskevents"]["inbound"]
    retry = resiliency["spec"]["policies"]["retries"][inbound["retry"]]
    attempt = read_seconds(resiliency["spec"]["policies"]["timeouts"][inbound["timeout"]])
    grown = itertools.accumulate(range(retry["maxRetries"]), lambda pause, _: pause * 1.5, initial=0.5)
    pauses = [min(pause, read_seconds(retry["maxInterval"])) for pause in list(grown)[: retry["maxRetries"]]]

    assert retry["policy"] == "exponential"
    assert 0 < retry["maxRetries"] < 1_000, "without an end, poison blocks its partition for ever"
    assert sum(pauses) > 1.5 * (HEALTH_SECONDS + DRAIN_SECONDS), (
        "an app that restarts does not empty its topics into the dead letters"
    )
    assert attempt <= SESSION_SECONDS / 2, "the next owner of a partition does not meet the last one's attempt"
    assert resiliency["scopes"] == [PRODUCT, CONSUMER]


@pytest.mark.parametrize("style", STYLES)
def test_subscriptions_cover_every_type_once_with_a_dead_letter_topic(style: TopicStyle) -> None:
    documents = list(yaml.safe_load_all(find_subscriptions(style).read_text("utf-8")))
    routes: dict[tuple[str, str], str] = {}
    for document in documents:
        spec = document["spec"]
        assert (document["apiVersion"], document["kind"]) == ("dapr.io/v2alpha1", "Subscription")
        assert (spec["pubsubname"], document["scopes"]) == ("taskevents", [CONSUMER])
        assert spec["deadLetterTopic"] == name_dead_letters(spec["topic"])
        assert spec["routes"]["default"], "without it, what matches no rule is acknowledged unseen"
        for rule in spec["routes"].get("rules", []):
            kind = re.fullmatch(r'event\.type == "([a-z.]+)"', rule["match"])
            assert kind
            routes[spec["topic"], kind[1]] = rule["path"]
        if "rules" not in spec["routes"]:
            kind_of = {name_topic(event_type, style): event_type.value for event_type in EventType}
            routes[spec["topic"], kind_of[spec["topic"]]] = spec["routes"]["default"]

    assert len({document["spec"]["topic"] for document in documents}) == len(documents), "one topic, declared once"
    assert len({document["metadata"]["name"] for document in documents}) == len(documents)
    assert routes == {
        (name_topic(event_type, style), event_type.value): f"/events/{event_type.value.replace('.', '-')}"
        for event_type in EventType
    }


def test_every_file_is_read_by_a_test_or_by_daprd() -> None:
    known = {"components/pubsub.yaml", "components/cron.yaml", "resiliency.yaml", "config.yaml"}
    known |= {"kustomization.yaml"}  # of the overlays for Kubernetes, which tests/shipping reads
    known |= {find_subscriptions(style).relative_to(DAPR).as_posix() for style in STYLES}

    assert {path.relative_to(DAPR).as_posix() for path in DAPR.rglob("*.yaml")} == known


def test_half_written_files_are_not_loaded_by_a_running_daprd() -> None:
    features = {feature["name"]: feature["enabled"] for feature in read("config.yaml")["spec"]["features"]}

    assert features == {"HotReload": False}


def test_a_directory_for_one_daprd_differs_only_in_what_was_asked_for(tmp_path: Path) -> None:
    lay_out_resources(tmp_path / "as-shipped", "type")
    lay_out_resources(tmp_path / "changed", "type", schedule="@every 1s", retries=2, app_id="audit")

    def load(folder: str) -> dict[str, list[Resource]]:
        paths = (tmp_path / folder).iterdir()
        return {path.name: list(yaml.safe_load_all(path.read_text("utf-8"))) for path in paths}

    shipped, changed = load("as-shipped"), load("changed")
    assert shipped["pubsub.yaml"] == [read("components/pubsub.yaml")]
    assert read_metadata_of(changed["cron.yaml"][0])["schedule"] == "@every 1s"
    assert changed["resiliency.yaml"][0]["spec"]["policies"]["retries"]["delivery"]["maxRetries"] == 2
    scopes = read_scopes(read_metadata_of(changed["pubsub.yaml"][0])["publishingScopes"])
    assert scopes["audit"] == scopes[CONSUMER] == DEAD
    assert all("audit" in document["scopes"] for document in changed["tasks.yaml"])


@pytest.mark.parametrize("page", ["infra/README.md", "docs/consumers.md"])
def test_others_are_told_to_start_daprd_as_we_do(page: str, tmp_path: Path) -> None:
    with closing(PortBook()) as book:
        daprd = lay_out_daprd(Path("daprd"), tmp_path, book, App(PRODUCT, 8000), "", tmp_path)
    parts = ("--app-max", "--app-health", "--enable")
    ours = [str(word) for word in daprd.program.command if str(word).startswith(parts)]

    assert "--app-max-concurrency=1" in ours
    assert f"`{' '.join(ours)}`" in (DAPR.parents[1] / page).read_text("utf-8")
