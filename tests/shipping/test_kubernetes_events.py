"""In a cluster daprd and Kafka are what they are on one machine: the same resources, topics, limits and rights."""

import re
from contextlib import closing
from pathlib import Path

import pytest

from infra.judge.manifests import Manifest
from infra.live.ports import PortBook
from infra.live.resources import CONSUMER, DAPR, PRODUCT, read_resources
from infra.live.sidecar import App, lay_out_daprd
from infra.live.topics import MOST_BYTES, PARTITIONS, list_topics, name_dead_letters
from tests.shipping.conftest import Overlays
from tests.shipping.manifests import find_one, list_kind, list_pods

PROMISES = ("kubernetes",)

TOPICS = list_topics(["type"])
ROOT = Path(__file__).parents[2]


def test_daprd_is_started_as_on_one_machine(overlay: list[Manifest], tmp_path: Path) -> None:
    with closing(PortBook()) as book:
        daprd = lay_out_daprd(Path("daprd"), tmp_path, book, App(PRODUCT, 8001), "", tmp_path)
    flags = dict(str(word).lstrip("-").partition("=")[::2] for word in daprd.program.command[1:])
    kept = ("app-max-concurrency", "enable-app-health-check", "app-health-check-path", "app-health-probe-interval")
    wanted = {name: flags[name] or "true" for name in (*kept, "app-health-threshold", "app-protocol")}
    receiving = {
        name: pod["metadata"]["annotations"]
        for name, pod in list_pods(overlay).items()
        if "dapr.io/app-port" in pod["metadata"].get("annotations", {})
    }
    assert receiving.keys() >= {"evolution-todo-worker"}
    for annotations in receiving.values():
        assert {name: annotations[f"dapr.io/{name}"] for name in wanted} == wanted
        assert annotations["dapr.io/max-body-size"] == flags["max-body-size"]
        assert annotations["dapr.io/graceful-shutdown-seconds"] == flags["dapr-graceful-shutdown-seconds"]


def test_every_annotation_is_one_that_daprs_injector_reads(overlay: list[Manifest]) -> None:
    ids = set()
    for pod in list_pods(overlay).values():
        annotations = pod["metadata"].get("annotations", {})
        assert annotations.keys() <= ANNOTATIONS
        ids |= {value for name, value in annotations.items() if name == "dapr.io/app-id"}
        if annotations:
            assert find_one(overlay, "Configuration", annotations["dapr.io/config"])
    assert PRODUCT in ids
    assert ids <= {PRODUCT, CONSUMER}


ANNOTATIONS = frozenset(
    f"dapr.io/{name}"
    for name in """
        api-token-secret app-health-check-path app-health-probe-interval app-health-threshold app-id app-max-concurrency
        app-port app-protocol app-token-secret config disable-builtin-k8s-secret-store enable-app-health-check
        enable-native-sidecar enabled graceful-shutdown-seconds log-as-json max-body-size sidecar-cpu-request
        sidecar-memory-limit sidecar-memory-request sidecar-seccomp-profile-type
    """.split()  # noqa: SIM905  # a list of so many is read more easily like this
)
"""Of `pkg/injector/annotations` of Dapr: any other name would be passed over in silence."""


def test_the_dapr_resources_are_those_of_the_live_chain(overlay: list[Manifest]) -> None:
    """All but where the brokers are, and how daprd logs in."""
    ours = [path for path in DAPR.rglob("*.yaml") if path.name != "kustomization.yaml"]
    ours = [path for path in ours if path.parent.name not in ("convention", "single")]
    for path in ours:
        for document in read_resources(path):
            rendered = find_one(overlay, document["kind"], document["metadata"]["name"])
            assert rendered.get("scopes") == document.get("scopes")
            if document["metadata"]["name"] != "taskevents":
                assert rendered["spec"] == document["spec"]
                continue
            kept, there = ({each["name"]: each for each in one["spec"]["metadata"]} for one in (document, rendered))
            assert {name: there.get(name) for name in kept if name not in ("brokers", "authType")} == {
                name: each for name, each in kept.items() if name not in ("brokers", "authType")
            }


def test_daprd_logs_in_over_tls_by_secrets(overlay: list[Manifest]) -> None:
    component = find_one(overlay, "Component", "taskevents")
    there = {each["name"]: each for each in component["spec"]["metadata"]}
    assert len(there) == len(component["spec"]["metadata"]), "each name once"
    assert there["authType"]["value"] == "password"
    assert there["saslMechanism"]["value"] == "SHA-512"
    assert set(there["saslPassword"]) == set(there["caCert"]) == {"name", "secretKeyRef"}
    assert not {"disableTls", "skipVerify"} & there.keys()
    assert component["auth"] == {"secretStore": "kubernetes"}
    assert re.fullmatch(r"[a-z0-9.-]+:9093", there["brokers"]["value"])


@pytest.mark.parametrize("name", ["single", "ha", "example"])
def test_the_topics_are_those_of_the_catalogue(overlays: Overlays, name: str) -> None:
    topics = {each["metadata"]["name"]: each["spec"] for each in list_kind(overlays[name], "KafkaTopic")}
    assert topics.keys() == {*TOPICS, *map(name_dead_letters, TOPICS)}
    for spec in topics.values():
        assert spec["partitions"] == PARTITIONS
        assert spec["config"] == {"max.message.bytes": MOST_BYTES}


@pytest.mark.parametrize("name", ["single", "ha", "example"])
def test_one_login_may_read_and_write_the_catalogue_and_nothing_else(overlays: Overlays, name: str) -> None:
    (user,) = list_kind(overlays[name], "KafkaUser")
    acls = user["spec"]["authorization"]["acls"]
    prefixes = [each["resource"]["name"] for each in acls if each["resource"]["type"] == "topic"]
    for topic in [*TOPICS, *map(name_dead_letters, TOPICS)]:
        assert any(topic.startswith(prefix) for prefix in prefixes)
    assert not any("__consumer_offsets".startswith(prefix) or prefix == "*" for prefix in prefixes)
    groups = {each["resource"]["name"] for each in acls if each["resource"]["type"] == "group"}
    assert groups == {PRODUCT, CONSUMER} if name == "example" else {PRODUCT}
    component = find_one(overlays[name], "Component", "taskevents")
    (login,) = (each["value"] for each in component["spec"]["metadata"] if each["name"] == "saslUsername")
    assert login == user["metadata"]["name"]


def test_with_three_brokers_one_may_be_away(overlays: Overlays) -> None:
    (kafka,), (nodes,) = list_kind(overlays["ha"], "Kafka"), list_kind(overlays["ha"], "KafkaNodePool")
    config = kafka["spec"]["kafka"]["config"]
    assert (nodes["spec"]["replicas"], config["default.replication.factor"], config["min.insync.replicas"]) == (3, 3, 2)
    assert config["auto.create.topics.enable"] is False
    assert nodes["metadata"]["labels"]["strimzi.io/cluster"] == kafka["metadata"]["name"]


def test_in_ha_each_part_may_lose_a_pod(overlays: Overlays) -> None:
    budgets = list_kind(overlays["ha"], "PodDisruptionBudget")
    assert {each["metadata"]["name"] for each in budgets} == {"evolution-todo-api", "evolution-todo-worker"}
    (scaler,) = list_kind(overlays["ha"], "HorizontalPodAutoscaler")
    api = find_one(overlays["ha"], "Deployment", scaler["spec"]["scaleTargetRef"]["name"])
    assert "replicas" not in api["spec"], "it would undo what the autoscaler has decided"
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 6)
    assert find_one(overlays["ha"], "Deployment", "evolution-todo-worker")["spec"]["replicas"] == 2
    for budget in budgets:
        chosen = budget["spec"]["selector"]["matchLabels"]
        assert [
            pod for pod in list_pods(overlays["ha"]).values() if chosen.items() <= pod["metadata"]["labels"].items()
        ]


def test_keda_scales_the_consumer_to_a_pod_for_each_partition(overlays: Overlays) -> None:
    (scaled,) = list_kind(overlays["example"], "ScaledObject")
    (trigger,) = scaled["spec"]["triggers"]
    consumer = find_one(overlays["example"], "Deployment", scaled["spec"]["scaleTargetRef"]["name"])
    assert trigger["metadata"]["consumerGroup"] == CONSUMER
    assert scaled["spec"]["maxReplicaCount"] == PARTITIONS
    assert "replicas" not in consumer["spec"]
    (auth,) = list_kind(overlays["example"], "TriggerAuthentication")
    (login,) = auth["spec"]["env"]
    values = {each["name"]: each.get("value") for each in consumer["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert values[login["name"]] == "evolution-todo"
    program = find_one(
        overlays["example"], "ConfigMap", consumer["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"]
    )
    assert program["data"]["consumer.py"] == (ROOT / "examples/consumer/consumer.py").read_text("utf-8")
