"""The definitions of the custom resources that our files use, from the programs' own releases."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from infra.judge.programs import find_judging_go
from infra.live.builds import run_long
from infra.live.cache import Say, provide
from infra.live.machine import find_newer_java
from infra.live.programs import Command
from infra.live.provision import download_module, fetch_jars
from infra.live.versions import JAVA_OF_STRIMZI, RUNS, SUMS

_POM = Path(__file__).with_name("strimzi-pom.xml")
_OPERATOR = "example/prometheus-operator-crd/monitoring.coreos.com_"
_MODULES = {
    "dapr": ("github.com/dapr/dapr", "charts/dapr/crds/*.yaml"),
    "keda": ("github.com/kedacore/keda/v2", "config/crd/bases/*.yaml"),
    "gateway_api": ("sigs.k8s.io/gateway-api", "config/crd/standard/*.yaml"),
    "prometheus_operator": (
        "github.com/prometheus-operator/prometheus-operator",
        f"{_OPERATOR}podmonitors.yaml",
        f"{_OPERATOR}prometheusrules.yaml",
    ),
}
"""Go modules that hold their definitions as files: the module's path, and where they are in it."""
_STRIMZI = ("kafka.Kafka", "nodepool.KafkaNodePool", "topic.KafkaTopic", "user.KafkaUser")
"""Strimzi's classes, each of which makes one definition."""
_GENERATOR = [
    *("--label", "app:strimzi", "--label", "strimzi.io/crd-install:true", "--target-kube", "1.16+"),
    *("--crd-api-version", "v1", "--api-versions", "v1", "--storage-version", "v1", "--yaml"),
]
_SECONDS = 120.0


def provide_definitions(say: Say) -> list[dict[str, Any]]:
    """Return the definitions of the custom resources, fetched on the first call.

    They are Dapr's, Strimzi's, KEDA's, Gateway API's and the Prometheus Operator's.
    Conversions between versions are left out: they are calls to operators, which do not run here.
    """
    folders = [_provide_module(name, say) for name in _MODULES]
    folders.append(provide(f"definitions-strimzi-{RUNS['strimzi']}", lambda draft: _generate_strimzi(draft, say), say))
    return [definition for folder in folders for definition in _read_definitions(folder)]


def _provide_module(name: str, say: Say) -> Path:
    def copy(draft: Path) -> None:
        path, *places = _MODULES[name]
        module = download_module(find_judging_go(), draft, path, RUNS[name], SUMS[name])
        for file in sorted(file for place in places for file in module.glob(place)):
            (draft / file.name).write_bytes(file.read_bytes())

    return provide(f"definitions-{name}-{RUNS[name]}", copy, say)


def _generate_strimzi(draft: Path, say: Say) -> None:
    java = find_newer_java(JAVA_OF_STRIMZI, "for Strimzi's resource definitions")
    say(f"Strimzi {RUNS['strimzi']}: fetching the generator of its definitions once through Maven, 39 MB")
    jars = draft / "jars"
    jars.mkdir()
    fetch_jars("strimzi-fetch", _POM, jars, f"-Dstrimzi.version={RUNS['strimzi']}", say)
    command: Command = [java, "-cp", f"{jars}/*", "io.strimzi.crdgenerator.CrdGenerator", *_GENERATOR]
    for name in _STRIMZI:
        command.append(f"io.strimzi.api.kafka.model.{name}={draft / name}.yaml")
    run_long("strimzi-definitions", command, draft, {}, say)
    for jar in jars.iterdir():
        jar.unlink()
    jars.rmdir()


def _read_definitions(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text("utf-8")):
            if document and document["kind"] == "CustomResourceDefinition":
                document["spec"].pop("conversion", None)
                yield document
