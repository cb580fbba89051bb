"""The API server's own code takes every custom resource of every overlay, and refuses what is not right."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.judge.definitions import provide_definitions
from infra.judge.manifests import Manifest, is_custom
from infra.judge.server import ResourceServer
from infra.live.cache import Say
from tests.shipping.conftest import Overlays, needing_tools
from tests.shipping.manifests import list_kind

PROMISES = ("kubernetes",)

pytestmark = pytest.mark.long("the API server's first build takes minutes")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, say: Say) -> Iterator[ResourceServer]:
    with needing_tools(), ResourceServer(tmp_path_factory.mktemp("server"), say) as started:
        started.define(provide_definitions(say))
        yield started


def judge(server: ResourceServer, manifest: Manifest, namespace: str) -> str:
    """Return the server's reason against an object; each test has a namespace of its own."""
    moved = copy.deepcopy(manifest)
    moved["metadata"]["namespace"] = namespace
    return server.create(moved)


@pytest.mark.parametrize("name", ["single", "ha", "redpanda", "example"])
def test_every_custom_resource_is_taken(server: ResourceServer, overlays: Overlays, name: str) -> None:
    custom = [each for each in overlays[name] if is_custom(each)]
    refused = {
        f"{each['kind']} {each['metadata']['name']}": reason
        for each in custom
        if (reason := judge(server, each, f"taken-{name}"))
    }
    assert refused == {}
    assert {each["kind"] for each in custom} >= {
        "Component",
        "Configuration",
        "Resiliency",
        "Subscription",
        "HTTPRoute",
    }


OLD = "kafka.strimzi.io/v1beta2"
Change = Callable[[Manifest], object]
HOSTILE: dict[str, tuple[str, Change, str]] = {
    "a misspelt field of Strimzi": ("Kafka", lambda each: each["spec"]["kafka"].update(listener=[]), "unknown field"),
    "ZooKeeper": ("Kafka", lambda each: each["spec"].update(zookeeper={"replicas": 3}), "unknown field"),
    "a version that has ended": (
        "KafkaTopic",
        lambda each: each.update(apiVersion="kafka.strimzi.io/v1beta2"),
        "no Kafka",
    ),
    "no partitions": ("KafkaTopic", lambda each: each["spec"].update(partitions=0), "greater than or equal to 1"),
    "a port of the system": (
        "Kafka",
        lambda each: each["spec"]["kafka"]["listeners"][0].update(port=80),
        "greater than or equal to 9092",
    ),
    "an operation that is none": (
        "KafkaUser",
        lambda each: each["spec"]["authorization"]["acls"][0].update(operations=["Reed"]),
        "Unsupported value",
    ),
    "a pool without roles": ("KafkaNodePool", lambda each: each["spec"].pop("roles"), "Required value"),
    "a subscription to nothing": ("Subscription", lambda each: each["spec"].pop("topic"), "Required value"),
    "a component without a type": ("Component", lambda each: each["spec"].pop("type"), "Required value"),
    "a misspelt scope": ("Component", lambda each: each.update(scope=each.pop("scopes")), "unknown field"),
    "a retry that is a word": (
        "Resiliency",
        lambda each: each["spec"]["policies"]["retries"]["delivery"].update(maxRetries="many"),
        "integer",
    ),
    "a stream that may not last as long as its backend": (
        "HTTPRoute",
        lambda each: each["spec"]["rules"][0]["timeouts"].update(request="1s", backendRequest="2s"),
        "backendRequest timeout cannot be longer than request timeout",
    ),
    "a monitor of misspelt endpoints": (
        "PodMonitor",
        lambda each: each["spec"].update(podMetricEndpoints=each["spec"].pop("podMetricsEndpoints")),
        "unknown field",
    ),
    "an alert on nothing": (
        "PrometheusRule",
        lambda each: each["spec"]["groups"][0]["rules"][0].pop("expr"),
        "Required value",
    ),
    "scaling of nothing": ("ScaledObject", lambda each: each["spec"].pop("scaleTargetRef"), "Required value"),
}


@pytest.mark.parametrize("harm", HOSTILE)
def test_what_is_not_right_is_refused(server: ResourceServer, overlays: Overlays, harm: str) -> None:
    kind, change, reason = HOSTILE[harm]
    manifest = copy.deepcopy(list_kind(overlays["example"], kind)[0])
    namespace = f"hostile-{list(HOSTILE).index(harm)}"
    change(manifest)
    assert reason in judge(server, manifest, namespace)
    unharmed = list_kind(overlays["example"], kind)[0]
    assert judge(server, unharmed, namespace) == "", "the change alone is refused"


def test_a_missing_tool_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say) -> None:
    from infra.live.programs import ToolsMissing

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolsMissing, match="apt install etcd-server"), ResourceServer(tmp_path, say):
        pass
