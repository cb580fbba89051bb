"""What of a tool's answer is named: in its output schema, and in the shapes of `docs/tools.md`."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from tools.catalog import TOOLS
from tools.schemas import Refusal, describe_answer

_SPECS = {spec.name: spec for spec in TOOLS}

Json = Mapping[str, Any]


def list_unnamed(tool: str, answer: Json) -> list[str]:
    """Return the members of a tool's answer or refusal that the schema or the shapes do not name, as paths."""
    spec = _SPECS[tool]
    published = describe_answer(spec.answer, writes=spec.operation.effect.writes)["properties"]
    shape = _describe(Refusal if "code" in answer else spec.answer)
    inside = _walk(answer, shape, shape.get("$defs", {}), "")
    return sorted({*(f".{name}" for name in answer.keys() - published.keys()), *inside})


@cache
def _describe(shape: type) -> Any:
    return TypeAdapter(shape).json_schema()


def _walk(value: Any, shape: Json, shapes: Json, path: str) -> list[str]:
    variants = [_resolve(each, shapes) for each in shape.get("anyOf", [shape])]
    if isinstance(value, list):
        items = {"anyOf": [each["items"] for each in variants if "items" in each]}
        return [name for each in value for name in _walk(each, items, shapes, f"{path}[]")]
    known = {name: each for variant in variants for name, each in variant.get("properties", {}).items()}
    if not isinstance(value, Mapping) or not known:
        return []
    unnamed = [f"{path}.{name}" for name in value.keys() - known.keys()]
    for name in value.keys() & known.keys():
        unnamed += _walk(value[name], known[name], shapes, f"{path}.{name}")
    return unnamed


def _resolve(shape: Json, shapes: Json) -> Any:
    return shapes[shape["$ref"].rpartition("/")[2]] if "$ref" in shape else shape
