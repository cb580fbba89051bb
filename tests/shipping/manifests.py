"""Ways to look at rendered Kubernetes objects."""

from collections.abc import Iterator
from typing import Any

from infra.judge.manifests import Manifest


def list_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [each for each in manifests if each["kind"] == kind]


def find_one(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = (each for each in list_kind(manifests, kind) if each["metadata"]["name"] == name)
    return found


def list_pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Return the pod template of everything that runs, by its name."""
    running = [each for kind in ("Deployment", "StatefulSet", "Job") for each in list_kind(manifests, kind)]
    return {each["metadata"]["name"]: each["spec"]["template"] for each in running}


def choose_pods(manifests: list[Manifest], labels: dict[str, str]) -> list[Manifest]:
    """Return the pod templates that a selector chooses."""
    return [pod for pod in list_pods(manifests).values() if labels.items() <= pod["metadata"]["labels"].items()]


def read_settings_map(manifests: list[Manifest]) -> dict[str, str]:
    """Return the settings that api and worker share."""
    (found,) = (each["data"] for each in list_kind(manifests, "ConfigMap") if "TODO_PORT" in each["data"])
    return dict(found)


def find_values(node: Any, key: str) -> Iterator[Any]:
    """Yield every value under a key, however deep."""
    if isinstance(node, dict):
        if key in node:
            yield node[key]
        for value in node.values():
            yield from find_values(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from find_values(value, key)
