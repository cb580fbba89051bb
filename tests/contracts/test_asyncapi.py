"""The AsyncAPI document follows AsyncAPI's own schema, and names the topics and schemas that there are."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # it ships no types

from app.settings import REPOSITORY
from events.catalog import EventType, name_topic
from infra.live.topics import name_dead_letters
from tests.clients.environments import NoClient, find_node

HERE = Path(__file__).parent
DOCUMENT = REPOSITORY / "docs/asyncapi.yaml"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text("utf-8"))
    return read


@pytest.fixture(scope="module")
def judge() -> Draft7Validator:
    try:
        home = find_node(HERE)
    except NoClient as why:
        if os.environ.get("CI") == "true":
            pytest.fail(str(why))
        pytest.skip(str(why))
    schema = json.loads((home / "node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json").read_text("utf-8"))
    return Draft7Validator(schema)


def test_it_follows_the_published_schema(document: dict[str, Any], judge: Draft7Validator) -> None:
    assert not [error.message for error in judge.iter_errors(document)]


@pytest.mark.parametrize(
    "wrong", [{"asyncapi": "2.6.0"}, {"channels": {"x": {"adress": "x"}}}, {"operations": {"x": {"action": "publish"}}}]
)
def test_the_schema_refuses_what_is_wrong(
    document: dict[str, Any], judge: Draft7Validator, wrong: dict[str, Any]
) -> None:
    assert list(judge.iter_errors({**document, **wrong}))


def test_it_names_every_topic_and_the_schema_of_its_events(document: dict[str, Any]) -> None:
    topics = [name_topic(kind, "type") for kind in EventType]
    assert {each["address"] for each in document["channels"].values()} == {
        name for topic in topics for name in (topic, name_dead_letters(topic))
    }
    for message in document["components"]["messages"].values():
        schema = json.loads((DOCUMENT.parent / message["payload"]["schema"]["$ref"]).read_text("utf-8"))
        assert schema["properties"]["type"]["const"] == message["name"]
