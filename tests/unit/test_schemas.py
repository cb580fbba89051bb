"""The schema of a request is lean: what a model needs to call it, and nothing else."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from tests.unit.example_requests import Priority, ReminderSpec, Step
from todo.errors import InvalidArguments
from todo.requests.arguments import Arguments, describe_model, read_arguments
from todo.requests.request import Request


def test_a_schema_is_lean() -> None:
    class Lean(Request):
        """Not shown."""

        title: Annotated[str, Field(min_length=1, max_length=20, description="What to do")]
        due: Annotated[str | None, Field(description="When", max_length=64)] = None
        priority: Priority | None = None
        sort: Literal["due", "-due"] = "due"
        limit: int = Field(20, ge=1, le=50)
        reminders: Annotated[list[ReminderSpec] | None, Field(max_length=2, description="Times")] = None
        step: Step | None = None
        ends: int | str | None = None

    text = {"type": "string"}
    open_object = {"type": "object", "additionalProperties": True, "default": {}}
    assert describe_model(Lean) == {
        "type": "object",
        "additionalProperties": False,
        "required": ["title"],
        "properties": {
            "title": {"type": "string", "minLength": 1, "maxLength": 20, "description": "What to do"},
            "due": {"type": "string", "maxLength": 64, "description": "When"},
            "priority": {"type": "string", "enum": ["none", "low", "medium", "high"]},
            "sort": {"type": "string", "enum": ["due", "-due"], "default": "due"},
            "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 20},
            "reminders": {
                "type": "array",
                "maxItems": 2,
                "description": "Times",
                "items": {
                    "type": "object",
                    "description": "One reminder.",
                    "additionalProperties": False,
                    "properties": {"at": text, "before": {"type": "string", "maxLength": 8}},
                },
            },
            "step": {
                "type": "object",
                "additionalProperties": False,
                "required": ["tool"],
                "properties": {"tool": text, "arguments": open_object, "then": {"type": "object"}},
            },
            "ends": {"anyOf": [{"type": "integer"}, text]},
        },
    }


def test_a_schema_is_closed_whatever_its_model_says() -> None:
    class Open(BaseModel):
        a: int

    assert describe_model(Open)["additionalProperties"] is False


def test_a_schema_without_arguments_is_an_empty_closed_object() -> None:
    class Nothing(Request):
        pass

    assert describe_model(Nothing) == {"type": "object", "properties": {}, "additionalProperties": False}
    assert read_arguments(Nothing, {}) == Arguments(Nothing(), ())
    with pytest.raises(InvalidArguments, match='"a" is not an argument; allowed: none'):
        read_arguments(Nothing, {"a": 1})
