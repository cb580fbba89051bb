"""The Kubernetes objects of an overlay: rendered, and judged by kubeconform and kube-score."""

import json
from pathlib import Path
from typing import Any

import yaml

from infra.judge.programs import provide_judge
from infra.judge.schemas import provide_schemas
from infra.live.cache import Say
from infra.live.programs import Command, LiveError, run_program

Manifest = dict[str, Any]

KUBERNETES = Path(__file__).resolve().parents[1] / "k8s"
OVERLAYS = ("single", "ha", "redpanda", "example")
CORE_GROUPS = frozenset({"", "apps", "autoscaling", "batch", "networking.k8s.io", "policy"})
"""API groups of Kubernetes itself; all others are custom resources."""
_SCHEMA = "{{.ResourceKind}}{{.KindSuffix}}.json"
_SECONDS = 120.0


def render_overlay(overlay: Path, say: Say) -> list[Manifest]:
    """Return the objects of a Kustomize folder; raises `LiveError` with kustomize's reason."""
    said = run_program([provide_judge("kustomize", say), "build", str(overlay)], _SECONDS)
    if said.exit_code:
        raise LiveError(f"{overlay.name} cannot be rendered: {said.errors.strip()}")
    return [document for document in yaml.safe_load_all(said.output) if document]


def is_custom(manifest: Manifest) -> bool:
    """Return whether an object is a custom resource."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    return bool(version) and group not in CORE_GROUPS


def judge_core(manifests: list[Manifest], folder: Path, say: Say) -> list[str]:
    """Return what the published schemas, strictly, find wrong with Kubernetes' own objects."""
    core = [each for each in manifests if not is_custom(each)]
    path = _write(core, folder / "core.yaml")
    command: Command = [provide_judge("kubeconform", say), "-strict", "-output", "json"]
    command += ["-schema-location", f"{provide_schemas(say)}/{_SCHEMA}", path]
    said = run_program(command, _SECONDS)
    found = json.loads(said.output)["resources"]
    return [f"{each['kind']} {each['name']}: {each['msg']}" for each in found if each["status"] != "statusValid"]


def judge_practice(manifests: list[Manifest], folder: Path, say: Say) -> list[str]:
    """Return what kube-score finds critical."""
    path = _write(manifests, folder / "all.yaml")
    said = run_program([provide_judge("kube-score", say), "score", "--output-format", "json", path], _SECONDS)
    return [
        f"{scored['type_meta']['kind']} {scored['object_meta']['name']}: {check['check']['id']}"
        for scored in json.loads(said.output)
        for check in scored["checks"]
        if check["grade"] == 1 and not check["skipped"]
    ]


def _write(manifests: list[Manifest], path: Path) -> Path:
    path.write_text(yaml.safe_dump_all(manifests, sort_keys=False), "utf-8")
    return path
