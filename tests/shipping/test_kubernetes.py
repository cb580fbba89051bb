"""Every overlay is made of valid objects that fit together, to the product and to the catalogue of events."""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings, load_settings
from infra.judge.manifests import OVERLAYS, Manifest, judge_core, judge_practice
from infra.live.cache import Say
from infra.live.programs import LiveError
from infra.live.topics import list_topics
from tests.architecture.ours import ROOT, list_files
from tests.shipping.conftest import Overlays, needing_tools
from tests.shipping.manifests import choose_pods, find_one, find_values, list_kind, list_pods, read_settings_map

PROMISES = ("kubernetes",)

TOPICS = list_topics(["type"])
OF_OPERATOR = {
    "evolution-todo-database",
    "evolution-todo-app-token",
    "evolution-todo-dapr-token",
    "evolution-todo-redpanda",
}
OF_STRIMZI = {"evolution-todo", "events-cluster-ca-cert"}
"""Secrets: those that an operator makes, as docs/operating/kubernetes.md says, and those of KafkaUser and Kafka."""


def test_every_object_is_valid(overlay: list[Manifest], tmp_path: Path, say: Say) -> None:
    with needing_tools():
        assert judge_core(overlay, tmp_path, say) == []


def test_practice_finds_nothing_critical(overlay: list[Manifest], tmp_path: Path, say: Say) -> None:
    with needing_tools():
        assert judge_practice(overlay, tmp_path, say) == []


def container(manifest: Manifest) -> Manifest:
    found: Manifest = manifest["spec"]["template"]["spec"]["containers"][0]
    return found


def probe(manifest: Manifest) -> Manifest:
    found: Manifest = container(manifest)["readinessProbe"]["httpGet"]
    return found


INVALID: dict[str, tuple[str, Callable[[Manifest], object]]] = {
    "a misspelt field": ("Deployment", lambda each: container(each).update(imagePullPolice="Always")),
    "a number that is a word": ("Deployment", lambda each: each["spec"].update(replicas="two")),
    "a probe without a port": (
        "Deployment",
        lambda each: container(each)["readinessProbe"]["httpGet"].pop("port"),
    ),
    "a policy on nothing": ("NetworkPolicy", lambda each: each["spec"].update(podSelecter={})),
    "a budget of a kind of its own": ("PodDisruptionBudget", lambda each: each["spec"].update(maxUnavailable=[1])),
    "an unknown version": ("Job", lambda each: each.update(apiVersion="batch/v3")),
}
CARELESS = {
    "a root that can be written": lambda each: each["securityContext"].update(readOnlyRootFilesystem=False),
    "a container that may do all": lambda each: each["securityContext"].update(privileged=True),
    "memory without a limit": lambda each: each["resources"]["limits"].pop("memory"),
    "the newest image, whichever": lambda each: each.update(image="evolution-todo:latest"),
}


@pytest.mark.parametrize("harm", INVALID)
def test_an_invalid_object_would_be_seen(overlays: Overlays, harm: str, tmp_path: Path, say: Say) -> None:
    kind, change = INVALID[harm]
    manifest = copy.deepcopy(list_kind(overlays["ha"], kind)[0])
    change(manifest)
    with needing_tools():
        assert len(judge_core([manifest], tmp_path, say)) == 1


@pytest.mark.parametrize("harm", CARELESS)
def test_a_careless_pod_would_be_seen(overlays: Overlays, harm: str, tmp_path: Path, say: Say) -> None:
    manifests = copy.deepcopy(overlays["ha"])
    CARELESS[harm](container(find_one(manifests, "Deployment", "evolution-todo-api")))
    with needing_tools():
        assert judge_practice(manifests, tmp_path, say)


def test_an_overlay_with_a_typing_mistake_is_one_sentence(
    render: Callable[[Path], list[Manifest]], tmp_path: Path
) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [nothing.yaml]\n", "utf-8")
    with pytest.raises(LiveError, match=r"cannot be rendered: .*nothing\.yaml"):
        render(tmp_path)


def test_everything_is_in_the_one_namespace(overlay: list[Manifest]) -> None:
    assert {each["metadata"].get("namespace") for each in overlay if each["kind"] != "Namespace"} == {"evolution-todo"}


# The product


def read_settings(overlay: list[Manifest], folder: Path, monkeypatch: pytest.MonkeyPatch, pod: str) -> Settings:
    """Return the settings that the product reads in a pod, with its secrets in files."""
    for name in [*Settings.model_fields, "APP_API_TOKEN", "DAPR_API_TOKEN"]:
        monkeypatch.delenv(name if name.isupper() else f"TODO_{name.upper()}", raising=False)
    mounted = {}
    spec = list_pods(overlay)[pod]["spec"]
    for volume in spec["volumes"]:
        for source in volume.get("projected", {}).get("sources", []):
            for item in source["secret"]["items"]:
                is_url = "url" in item["path"]
                mounted[item["path"]] = folder / item["path"]
                mounted[item["path"]].write_text("postgresql://u:p@db/todo" if is_url else item["path"], "utf-8")
    (main,) = spec["containers"]
    given = {each["name"]: each["value"] for each in main.get("env", [])}
    for each in main.get("envFrom", []):
        given |= find_one(overlay, "ConfigMap", each["configMapRef"]["name"])["data"]
    (place,) = (each["mountPath"] for each in main["volumeMounts"] if each["name"] == "secrets")
    for name, value in given.items():
        if name.endswith("_FILE"):
            assert Path(value).parent == Path(place)
            value = str(mounted.pop(Path(value).name))  # noqa: PLW2901  # the same file in this test's folder
        monkeypatch.setenv(name, value)
    assert mounted == {}, "each secret that is mounted is read"
    known = {str(field.validation_alias or f"TODO_{name.upper()}") for name, field in Settings.model_fields.items()}
    assert given.keys() <= known
    return load_settings(**({"role": "worker"} if main["args"] == ["worker"] else {}))


def test_the_product_takes_the_settings_of_each_pod(
    overlay: list[Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, worker, migrate = (
        read_settings(overlay, tmp_path, monkeypatch, f"evolution-todo-{name}") for name in ("api", "worker", "migrate")
    )
    assert [each.role for each in (api, worker, migrate)] == ["api", "worker", "all"]
    assert (api.broker, api.auth, api.host) == ("dapr", "token", "0.0.0.0")  # noqa: S104  # inside a pod
    assert (api.app_api_token, api.dapr_api_token) == ("app-api-token", "dapr-api-token")
    assert (worker.app_api_token, worker.dapr_api_token) == ("app-api-token", "dapr-api-token")
    assert all(each.on_server for each in (api, worker, migrate))
    assert worker.events_host == "127.0.0.1"


def test_the_migration_alone_knows_the_owner_of_the_database(overlay: list[Manifest]) -> None:
    keys = {
        name: [item["key"] for items in find_values(pod, "items") for item in items]
        for name, pod in list_pods(overlay).items()
    }
    assert {name for name, items in keys.items() if "owner-url" in items} == {"evolution-todo-migrate"}


def test_every_probe_asks_as_a_host_that_is_served(overlay: list[Manifest]) -> None:
    asked = [get for pod in list_pods(overlay).values() for get in find_values(pod, "httpGet")]
    assert asked
    assert all({"name": "Host", "value": "localhost"} in each["httpHeaders"] for each in asked)
    assert {each["path"] for each in asked} == {"/healthz", "/readyz"}


def test_liveness_asks_for_the_process_alone(overlay: list[Manifest]) -> None:
    live = [probe for pod in list_pods(overlay).values() for probe in find_values(pod, "livenessProbe")]
    assert {probe["httpGet"]["path"] for probe in live if "httpGet" in probe} == {"/healthz"}


# Who calls whom


def test_the_sidecars_port_is_on_no_network(overlay: list[Manifest]) -> None:
    worker = list_pods(overlay)["evolution-todo-worker"]
    port = worker["metadata"]["annotations"]["dapr.io/app-port"]
    settings = read_settings_map(overlay)

    assert port == settings["TODO_EVENTS_PORT"] != settings["TODO_PORT"]
    open_ports = {str(value) for key in ("containerPort", "targetPort", "port") for value in find_values(overlay, key)}
    assert port not in open_ports
    assert "TODO_EVENTS_HOST" not in settings


def test_from_the_route_to_the_container_the_ports_meet(overlay: list[Manifest]) -> None:
    (route,) = list_kind(overlay, "HTTPRoute")
    (rule,) = route["spec"]["rules"]
    (backend,) = rule["backendRefs"]
    service = find_one(overlay, "Service", backend["name"])
    (port,) = service["spec"]["ports"]
    assert backend["port"] == port["port"]
    pods = [
        pod
        for pod in list_pods(overlay).values()
        if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    ]
    (named,) = (
        each for pod in pods for each in pod["spec"]["containers"][0]["ports"] if each["name"] == port["targetPort"]
    )
    settings = read_settings_map(overlay)
    assert str(named["containerPort"]) == settings["TODO_PORT"]
    policy = find_one(overlay, "NetworkPolicy", "people-to-api")
    assert [each["port"] for each in policy["spec"]["ingress"][0]["ports"]] == [named["containerPort"]]
    assert rule["timeouts"] == {"request": "0s"}, "a stream lasts as long as its reader"
    assert settings["TODO_PUBLIC_URL"] == f"https://{route['spec']['hostnames'][0]}"


def test_prometheus_alone_reaches_the_metrics_of_api_and_worker(overlay: list[Manifest]) -> None:
    settings = read_settings_map(overlay)
    ports = {
        name: port["containerPort"]
        for name, pod in list_pods(overlay).items()
        for port in pod["spec"]["containers"][0].get("ports", ())
        if port["name"] == "metrics"
    }
    assert ports.keys() == {"evolution-todo-api", "evolution-todo-worker"}
    assert {str(port) for port in ports.values()} == {settings["TODO_METRICS_PORT"]}
    assert settings["TODO_METRICS_HOST"] == settings["TODO_HOST"]
    policy = find_one(overlay, "NetworkPolicy", "prometheus-to-metrics")["spec"]
    (rule,) = policy["ingress"]
    (scraper,) = rule["from"]
    assert scraper.keys() == {"namespaceSelector", "podSelector"}, "no other pod of that namespace"
    assert [str(each["port"]) for each in rule["ports"]] == [settings["TODO_METRICS_PORT"]]
    chosen = choose_pods(overlay, policy["podSelector"]["matchLabels"])
    assert all(list_pods(overlay)[name] in chosen for name in ports)


def test_with_the_prometheus_operator_they_are_scraped(overlays: Overlays) -> None:
    (monitor,) = list_kind(overlays["example"], "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    chosen = choose_pods(overlays["example"], monitor["spec"]["selector"]["matchLabels"])
    found = [
        pod
        for pod in chosen
        if endpoint["port"] in [each["name"] for each in pod["spec"]["containers"][0].get("ports", ())]
    ]
    assert {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in found} == {"api", "worker"}


def test_nothing_may_come_in_or_go_out_that_is_not_named(overlay: list[Manifest]) -> None:
    policies = list_kind(overlay, "NetworkPolicy")
    incoming, outgoing = (find_one(overlay, "NetworkPolicy", f"deny-{way}") for way in ("incoming", "outgoing"))
    assert incoming["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    assert set(outgoing["spec"]) == {"podSelector", "policyTypes"}
    (names,) = (each["values"] for each in outgoing["spec"]["podSelector"]["matchExpressions"])
    for pod in list_pods(overlay).values():
        assert pod["metadata"]["labels"]["app.kubernetes.io/name"] in names
    for policy in policies:
        for rule in [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]:
            assert rule.get("ports"), f"{policy['metadata']['name']} opens every port"
        for rule in policy["spec"].get("ingress", []):
            assert rule.get("from"), f"{policy['metadata']['name']} lets everybody in"


def test_no_secret_stands_in_an_overlay_and_each_one_has_its_maker(overlay: list[Manifest]) -> None:
    assert list_kind(overlay, "Secret") == []
    named = {each["name"] for key in ("secretKeyRef", "secret") for each in find_values(overlay, key) if "name" in each}
    named |= set(find_values(overlay, "secretName"))
    for key in ("dapr.io/app-token-secret", "dapr.io/api-token-secret"):
        named |= set(find_values(overlay, key))
    named |= {each["name"] for refs in find_values(overlay, "secretTargetRef") for each in refs}
    assert named <= OF_OPERATOR | (OF_STRIMZI if list_kind(overlay, "Kafka") else set())
    assert "secretKeyRef" in str(find_one(overlay, "Component", "taskevents"))
    page = (ROOT / "docs/operating/kubernetes.md").read_text("utf-8")
    assert [each for each in named & OF_OPERATOR if each not in page] == []


# Pods


def find_loose(spec: dict[str, Any]) -> list[str]:
    """Return what Kubernetes' standard `restricted`, and our own rules, find in a pod."""
    pod = spec["securityContext"]
    found = [] if pod["runAsNonRoot"] and pod["seccompProfile"] == {"type": "RuntimeDefault"} else ["pod"]
    if spec.get("automountServiceAccountToken") is not False:
        found.append("a token of the API server")
    for each in spec["containers"]:
        own = each["securityContext"]
        tight = own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"] and not own["privileged"]
        if not tight or own["capabilities"] != {"drop": ["ALL"]} or own["runAsUser"] < 10_000:
            found.append(each["name"])
        if not {"cpu", "memory", "ephemeral-storage"} <= each["resources"]["limits"].keys():
            found.append(f"{each['name']}: limits")
    if any("hostPath" in volume for volume in spec.get("volumes", [])) or spec.get("hostNetwork"):
        found.append("the node's own files or network")
    return found


def test_every_pod_keeps_to_the_strictest_standard(overlay: list[Manifest]) -> None:
    assert {name: loose for name, pod in list_pods(overlay).items() if (loose := find_loose(pod["spec"]))} == {}


def test_the_place_of_the_image_stands_in_one_file(render: Callable[[Path], list[Manifest]], tmp_path: Path) -> None:
    """An installation changes one line of a copy, and every pod of every overlay takes its image from there."""
    place = yaml.safe_load((ROOT / "infra/k8s/image/kustomization.yaml").read_text("utf-8"))["images"][0]["newName"]
    named = [name for name in list_files() if place in (ROOT / name).read_bytes().decode("utf-8", "ignore")]
    assert named == ["infra/k8s/image/kustomization.yaml"]
    for folder in ("infra/k8s", "infra/dapr", "examples/consumer"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    file = tmp_path / "infra/k8s/image/kustomization.yaml"
    file.write_text(file.read_text("utf-8").replace(place, "r.example/mine"), "utf-8")
    for name in OVERLAYS:
        pods = list_pods(render(tmp_path / "infra/k8s/overlays" / name))
        images = {each["image"].rpartition(":")[0] for pod in pods.values() for each in pod["spec"]["containers"]}
        assert images - {"docker.io/library/postgres"} == {"r.example/mine"}, name


def test_every_folder_of_overlays_is_judged() -> None:
    folders = {path.name for path in (ROOT / "infra/k8s/overlays").iterdir()}
    assert folders == {"single", "ha", "redpanda", "example"}
    for path in (ROOT / "infra/k8s").rglob("*.yaml"):
        assert list(yaml.safe_load_all(path.read_text("utf-8"))), path
