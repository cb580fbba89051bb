"""The Dapr resources of this repository, laid out for one daprd."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from events.catalog import TopicStyle

DAPR = Path(__file__).resolve().parents[1] / "dapr"
PRODUCT, CONSUMER = "evolution-todo", "task-consumer"
"""The app ids named in the resources."""
Resource = dict[str, Any]


def find_subscriptions(style: TopicStyle) -> Path:
    """Return the file of the example consumer's subscriptions for a topic style."""
    folder = DAPR / "subscriptions"
    return (folder if style == "type" else folder / style) / "tasks.yaml"


def read_resources(path: Path) -> Iterator[Resource]:
    """Yield the YAML documents of a file."""
    yield from yaml.safe_load_all(path.read_text("utf-8"))


def lay_out_resources(
    folder: Path, style: TopicStyle, schedule: str | None = None, retries: int | None = None, app_id: str | None = None
) -> None:
    """Write a flat directory for `--resources-path`: daprd does not read nested folders.

    `schedule` replaces the cron binding's schedule, `retries` the number of attempts before a dead letter, and `app_id`
    gives another application the example consumer's rights.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in (*sorted((DAPR / "components").glob("*.yaml")), DAPR / "resiliency.yaml", find_subscriptions(style)):
        documents = list(read_resources(path))
        for document in documents:
            _adapt(document, schedule, retries)
            if app_id not in (None, PRODUCT, CONSUMER):
                _rename(document, str(app_id))
        (folder / path.name).write_text(yaml.safe_dump_all(documents, sort_keys=False), "utf-8")


def read_metadata_of(component: Resource) -> dict[str, str]:
    """Return a component's settings by name; a setting from the environment reads `$NAME`."""
    return {
        item["name"]: f"${item['envRef']}" if "envRef" in item else item["value"]
        for item in component["spec"]["metadata"]
    }


def _adapt(document: Resource, schedule: str | None, retries: int | None) -> None:
    if document["spec"].get("type") == "bindings.cron" and schedule:
        for item in document["spec"]["metadata"]:
            if item["name"] == "schedule":
                item["value"] = schedule
    if document["kind"] == "Resiliency" and retries is not None:
        document["spec"]["policies"]["retries"]["delivery"]["maxRetries"] = retries


def _rename(document: Resource, app_id: str) -> None:
    if CONSUMER in document.get("scopes", []):
        document["scopes"].append(app_id)
    for item in document["spec"].get("metadata", []):
        if item["name"] in ("publishingScopes", "subscriptionScopes"):
            granted = dict(part.split("=", 1) for part in item["value"].split(";"))
            item["value"] += f";{app_id}={granted[CONSUMER]}"
