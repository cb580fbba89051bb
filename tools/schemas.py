"""The JSON Schemas that tools publish: of arguments, without what a model can do without, and of answers."""

from functools import cache
from types import UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from todo.errors import ShownDetails
from todo.requests.arguments import describe_model

_CHECKED_HERE = frozenset(("additionalProperties", "minimum", "minLength", "maxLength", "minItems", "maxItems"))
"""Left out: the server checks them, with a sentence of its own, and some converters for other models refuse them."""
_OF_WRITES = frozenset(("version", "changes", "open_instance", "link", "confirmation_id", "summary"))
"""Details of refusals that only a write can meet."""
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array"}


class Refusal(ShownDetails):
    """The structured part of a tool's error."""

    code: str
    message: str
    hint: NotRequired[str]


# Made once for all servers of a process: each transport has one, and the conversation another.
@cache
def describe_arguments(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a tool's arguments; what stands inside one of them has a name and a type alone."""
    schema = describe_model(model)
    lean: dict[str, Any] = _leave_out(schema, _CHECKED_HERE)
    for name, argument in lean["properties"].items():
        inner = _leave_out(argument, {"description"})
        lean["properties"][name] = inner | {key: each for key, each in argument.items() if key == "description"}
    return lean


@cache
def describe_answer(answer: type, *, writes: bool) -> dict[str, Any]:
    """Return the schema of a tool's answers, made from their typed dict, with the members of its refusals beside.

    Every member is named with its type; objects are open, `docs/tools.md` has their shapes.
    """
    refusal = {name: hint for name, hint in get_type_hints(Refusal).items() if writes or name not in _OF_WRITES}
    members = {**get_type_hints(answer), **refusal}
    return {"type": "object", "properties": {name: {"type": _name_type(hint)} for name, hint in members.items()}}


def _name_type(hint: Any) -> str:
    """Return the JSON type of a member; a union has the type of its first part."""
    origin = get_origin(hint) or hint
    if origin in (Union, UnionType):
        return _name_type(get_args(hint)[0])
    if origin is Literal:
        return _name_type(type(get_args(hint)[0]))
    return _TYPES.get(origin, "object")


def _leave_out(schema: Any, keywords: frozenset[str] | set[str]) -> Any:
    """Return a schema without some keywords, at any depth; properties of that name stay."""
    if isinstance(schema, list):
        return [_leave_out(each, keywords) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _leave_out(each, keywords) for name, each in value.items()}
        if key == "properties"
        else _leave_out(value, keywords)
        for key, value in schema.items()
        if key not in keywords
    }
