"""The generated documents: `python3 -m app.cli.documents` writes them, a test fails when they have drifted."""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from app.settings import REPOSITORY
from events.catalog import EventType
from todo.record.shapes import TaskShape
from todo.requests.arguments import describe_model
from todo.requests.event_schemas import describe_event
from tools.catalog import TOOLS


def write_documents() -> dict[str, str]:
    """Return path below the repository to content, for every generated document."""
    documents = {
        f"docs/events/{kind.value}.json": json.dumps(describe_event(kind), indent=2, ensure_ascii=False) + "\n"
        for kind in EventType
    }
    documents["docs/tools.md"] = _describe_tools()
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
        lines.append("")
    lines += ["## The shape of a task", "", "| field | meaning |", "|---|---|"]
    task = TypeAdapter(TaskShape).json_schema()
    for name, shape in task["properties"].items():
        always = "*" if name in task["required"] else ""
        lines.append(f"| `{name}`{always} | {shape.get('description', '')} |")
    lines += ["", "Fields marked * are always there; the others are left out when empty."]
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
