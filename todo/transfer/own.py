"""Our own format: JSON Lines, a head and then one row of the database on each line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic_core import from_json, to_json
from sqlalchemy import Column, Connection, Table, select

from todo.errors import InvalidArguments

MARK = '{"evolution_todo_export":'
VERSION = 1
SECRET = frozenset({"address", "digest", "fingerprint", "hash", "key", "password", "secret", "secrets", "token"})
"""Columns that never leave, in any table."""
LEFT_OUT = frozenset(
    (
        *("credential", "outside_login", "oauth_step", "calendar", "channel", "channel_delivery"),
        *("confirmation", "pending_call", "plan", "request_entry", "presence"),
        *("outbox_entry", "delivery", "inbox_entry", "task_tag", "counted_task"),
    )
)
"""Tables of people's rows that are secret, short-lived, or made from others."""
_DERIVED = frozenset({"number", "words", "title_key", "deadline", "starts_at", "unindexed", "user_id"})
_FETCHED = 1_000
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}


@dataclass(slots=True)
class Rows:
    """The rows of a file by table, each with its line, and whose they were."""

    person: str
    tables: dict[str, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)


def write_head(person: str, schema: str, at: str) -> bytes:
    """Return the first line."""
    return to_json({"evolution_todo_export": VERSION, "schema": schema, "exported_at": at, "person": person}) + b"\n"


def list_exported(tables: Sequence[Table]) -> list[Table]:
    """Return those of the tables with people's rows that an export holds."""
    return [table for table in tables if table.name not in LEFT_OUT]


def write_rows(connection: Connection, table: Table, condition: Any) -> Iterator[bytes]:
    """Yield the rows of a table that are meant, one line each, without secrets and what is made from the rest."""
    columns = [column for column in table.c if column.name not in _DERIVED | SECRET]
    statement = select(*columns).where(condition).order_by(*table.primary_key.columns)
    result = connection.execution_options(yield_per=_FETCHED).execute(statement)
    for row in result:
        values = {name: value for name, value in row._asdict().items() if value is not None}
        yield to_json({"table": table.name, "row": values}) + b"\n"


def describe_head() -> dict[str, Any]:
    """Return the JSON Schema of the first line."""
    texts = {name: {"type": "string"} for name in ("schema", "exported_at", "person")}
    return {
        "type": "object",
        "properties": {"evolution_todo_export": {"const": VERSION}, **texts},
        "required": ["evolution_todo_export", *texts],
    }


def describe_rows(table: Table) -> dict[str, Any]:
    """Return the JSON Schema of the lines of a table."""
    columns = [column for column in table.c if column.name not in _DERIVED | SECRET]
    row = {
        "type": "object",
        "properties": {column.name: {"type": _TYPES[_find_type(column)]} for column in columns},
        "required": [column.name for column in columns if not column.nullable],
        "additionalProperties": False,
    }
    return {"type": "object", "properties": {"table": {"const": table.name}, "row": row}, "required": ["table", "row"]}


def _find_type(column: Column[Any]) -> type:
    """Return the Python type of a column; a decorated type says only that it is an object."""
    kind: type = column.type.python_type
    return kind if kind in _TYPES else cast("type", getattr(column.type, "impl").python_type)  # noqa: B009  # untyped


def read_own(text: str) -> Rows:
    """Read a file of ours; raises `InvalidArguments` with the line that cannot be read."""
    rows = Rows("")
    for line, part in enumerate(text.splitlines(), 1):
        if not part.strip():
            continue
        try:
            given = from_json(part)
        except ValueError:
            raise InvalidArguments(f"Line {line} is not JSON: the file is damaged.", "Export it again.") from None
        if line == 1:
            if not isinstance(given, dict) or given.get("evolution_todo_export") != VERSION:
                raise InvalidArguments("The export is of another version of this product.", "Upgrade this program.")
            rows.person = str(given.get("person", ""))
        elif not _is_row(given):
            raise InvalidArguments(f"Line {line} is not a row of an export.", "Export it again.")
        else:
            rows.tables.setdefault(given["table"], []).append((line, given["row"]))
    return rows


def _is_row(given: Any) -> bool:
    return isinstance(given, Mapping) and isinstance(given.get("table"), str) and isinstance(given.get("row"), dict)
