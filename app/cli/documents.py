"""The generated documents: `python3 -m app.cli.documents` writes them, and a test fails when they drift."""

import ast
import json
import tomllib
from inspect import getsource
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Any, get_args

from pydantic import TypeAdapter
from pydantic_core import PydanticUndefined

from app.cli.asyncapi import write_asyncapi
from app.migrations.schema import TABLES
from app.service import read_version
from app.settings import REPOSITORY, Settings
from app.transfer import describe_export
from app.watch.advice import describe_metrics
from events.catalog import EventType
from todo.record.shapes import TaskShape
from todo.requests.arguments import describe_model
from todo.requests.event_schemas import describe_event
from tools.catalog import TOOLS
from tools.schemas import Refusal


def write_documents() -> dict[str, str]:
    """Return `{path: content}` of every generated document; paths are relative to the repository."""
    documents = {
        f"docs/events/{kind.value}.json": json.dumps(describe_event(kind), indent=2, ensure_ascii=False) + "\n"
        for kind in EventType
    }
    documents["docs/asyncapi.yaml"] = write_asyncapi(read_version())
    exported = json.dumps(describe_export(TABLES), indent=2, ensure_ascii=False)
    documents["docs/export.schema.json"] = f"{exported}\n"
    documents["docs/operating/metrics.md"] = describe_metrics()
    documents["docs/tools.md"] = _describe_tools()
    documents["docs/settings.md"] = _describe_settings()
    documents["docs/promises.md"] = _describe_promises()
    return documents


def _describe_tools() -> str:
    lines = [
        "# Tools",
        "",
        "Generated from the tools themselves by `python3 -m app.cli.documents`. Arguments marked * are required.",
        "Every write takes `request_id`, every change of a task `expected_version`; they are left out below.",
        "",
    ]
    for spec in TOOLS:
        effect, request = spec.operation.effect, spec.operation.request
        kind = "reads" if not effect.writes else "destructive" if effect.destructive else "writes"
        lines += [
            f"## `{spec.name}` ({kind})",
            "",
            spec.description,
            "",
            "| argument | form | meaning |",
            "|---|---|---|",
        ]
        schema = describe_model(request)
        for name, field in schema["properties"].items():
            if name in ("request_id", "expected_version"):
                continue
            star = "*" if name in schema.get("required", []) else ""
            lines.append(f"| `{name}`{star} | {_say_form(field)} | {field.get('description', '')} |")
        if request.combinations:
            lines += ["", " ".join(rule.describe() for rule in request.combinations)]
        lines.append("")
    lines += ["## The shape of a task", "", "| field | meaning |", "|---|---|"]
    task = TypeAdapter(TaskShape).json_schema()
    lines += _list_members(task)
    lines += ["", "Fields marked * are always there; the others are left out when empty.", ""]
    return "\n".join(lines + _describe_answers())


def _describe_answers() -> list[str]:
    """Return the members of all answers and refusals, then each shape inside them but the task's."""
    described: dict[str, Any] = {}
    for answer in dict.fromkeys(spec.answer for spec in TOOLS):
        schema = TypeAdapter(answer).json_schema()
        described |= {answer.__name__: schema, **schema.get("$defs", {})}
    described["Refusal"] = TypeAdapter(Refusal).json_schema()
    lines = [
        "## The shapes of answers",
        "",
        "Each tool answers with one of the first four; a refusal has the members of the last one.",
        "",
    ]
    answers = [spec.answer.__name__ for spec in TOOLS]
    order = [*dict.fromkeys(answers), *sorted(described.keys() - {*answers, "Refusal", "TaskShape"}), "Refusal"]
    for name in order:
        intro = described[name].get("description", "").partition("\n")[0]
        lines += [f"### `{name}`", "", intro, "", "| member | meaning |", "|---|---|"]
        lines += [*_list_members(described[name]), ""]
    return lines


def _list_members(shape: dict[str, Any]) -> list[str]:
    """Return a row for each member of a shape: its name, and what it means or else its form."""
    rows = []
    for name, member in shape["properties"].items():
        always = "*" if name in shape.get("required", []) else ""
        rows.append(f"| `{name}`{always} | {member.get('description') or _say_shape(member)} |")
    return rows


def _say_shape(member: dict[str, Any]) -> str:
    if "$ref" in member:
        return f"`{member['$ref'].rpartition('/')[2]}`"
    if "anyOf" in member:
        return " or ".join(_say_shape(each) for each in member["anyOf"])
    if member.get("type") == "array":
        return f"list of {_say_shape(member['items'])}"
    return _say_form(member)


def _describe_settings() -> str:
    lines = [
        "# Settings",
        "",
        "Generated from the settings by `python3 -m app.cli.documents`. Where settings are read from, and what",
        "happens to bad ones: [operating](operating/README.md#settings).",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    meanings = read_field_docs(Settings)
    for name in meanings:
        field = Settings.model_fields[name]
        setting = field.validation_alias or f"TODO_{name.upper()}"
        meaning, _, computed = " ".join(meanings[name].split()).partition(" Default: ")
        stored = "none" if field.default in (None, PydanticUndefined) else f"`{_say_default(field.default)}`"
        values = [f"`{value}`" for value in _list_values(field.annotation)]
        if not all(value in meaning for value in values):
            meaning = f"{', '.join(values)}: {meaning[0].lower()}{meaning[1:]}"
        lines.append(f"| `{setting}` | {computed.removesuffix('.') or stored} | {meaning} |")
    return "\n".join(lines) + "\n"


def read_field_docs(model: type[object]) -> dict[str, str]:
    """Return field to docstring for every documented field of a class.

    Those of the class that it extends come after its own. Read from the source: pydantic would do the same at each
    start-up (`use_attribute_docstrings`). Measured: 80 ms.
    """
    (body,) = (node.body for node in ast.parse(dedent(getsource(model))).body if isinstance(node, ast.ClassDef))
    docs: dict[str, str] = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            docs[ast.unparse(field.target)] = str(text.value.value)
    for base in model.__bases__:
        docs |= read_field_docs(base) if base.__module__.startswith("app.") else {}
    return docs


def _say_default(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _list_values(annotation: Any) -> list[str]:
    """Return the allowed texts of a `Literal` field; none for any other field."""
    values = [value for part in (annotation, *get_args(annotation)) for value in get_args(part)]
    return [value for value in values if isinstance(value, str)]


def _describe_promises() -> str:
    promised = tomllib.loads((REPOSITORY / "docs/promises.toml").read_text("utf-8"))["promise"]
    lines = [
        "# Promises",
        "",
        "Generated from [promises.toml](promises.toml) by `python3 -m app.cli.documents`. Each promise has a test that",
        "proves it, and each of these tests names its promises.",
        "",
        "| promise | proved by |",
        "|---|---|",
    ]
    for each in promised:
        tests = ", ".join(f"[{Path(test).stem}](../{test})" for test in each["tests"])
        lines.append(f"| {each['promise']} | {tests} |")
    return "\n".join(lines) + "\n"


def _say_form(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " / ".join(str(value) for value in field["enum"])
    kind = str(field.get("type", "any"))
    if kind == "array":
        return f"list of {_say_form(field['items'])}"
    limit = field.get("maxLength")
    return f"{kind} ≤ {limit}" if limit else kind


def main(root: Path = REPOSITORY) -> None:
    """Write every generated document."""
    for path, content in write_documents().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, "utf-8")


if __name__ == "__main__":
    main()
