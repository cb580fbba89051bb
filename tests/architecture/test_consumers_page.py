"""`docs/consumers.md` shows other teams exactly what the product publishes and the Dapr files configure."""

import json
import re

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from events.catalog import EventType, name_topic
from events.cloudevent import decode_event
from tests.architecture.ours import ROOT

PAGE = (ROOT / "docs/consumers.md").read_text("utf-8")
(EXAMPLE,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_is_an_event_by_its_schema() -> None:
    schema = json.loads((ROOT / "docs/events/task.updated.json").read_text("utf-8"))
    validator = Draft202012Validator(schema)
    example = json.loads(EXAMPLE)
    validator.validate(example)
    assert decode_event(EXAMPLE).version == example["taskversion"]
    # the schema refuses an event without one of its fields, and allows an additional field
    assert list(validator.iter_errors({**example, "added": 1})) == []
    for name in example:
        assert list(validator.iter_errors({key: value for key, value in example.items() if key != name}))


@pytest.mark.parametrize("page", ["docs/consumers.md", "examples/consumer/README.md"])
def test_its_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text("utf-8"))
    assert links
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("kind", EventType)
def test_each_type_is_on_it_with_its_schema(kind: EventType) -> None:
    assert f"| `{kind}` |" in PAGE
    assert f"(events/{kind}.json)" in PAGE


def test_its_figures_are_those_of_the_policy() -> None:
    policy = yaml.safe_load((ROOT / "infra/dapr/resiliency.yaml").read_text("utf-8"))["spec"]["policies"]
    assert policy["retries"]["delivery"] == {"policy": "exponential", "maxInterval": "5s", "maxRetries": 30}
    assert policy["timeouts"] == {"delivery": "5s"}
    for words in ("up to 5 s, thirty times", "after 5 s the delivery counts as failed"):
        assert words in PAGE
    assert name_topic(EventType.TASK_CREATED, "convention") in PAGE
    assert name_topic(EventType.TASK_CREATED, "single") in PAGE
