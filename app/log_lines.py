"""Lines of the log as JSON: a list of fields that are allowed, and nothing that a person has written."""

import logging
import re
from contextvars import ContextVar
from pathlib import Path
from time import gmtime, strftime
from traceback import extract_tb
from types import TracebackType
from typing import Any

from pydantic_core import to_json

TRACE_ID: ContextVar[str] = ContextVar("trace_id", default="")
"""The trace of the request that is being answered, if its caller named one."""
FIELDS = ("status", "surface", "count")
"""What a line may carry besides its sentence, given with `extra`."""
OURS = ("agent.", "app.", "events.", "infra.", "todo.", "tools.")
KNOWN_REASONS = ("app.background", "app.channels.letters", "app.storage.postgres", "events.redelivery", "events.relay")
"""Loggers whose sentences are about the broker, the database or a mail server, and so hold no words of people."""
KNOWN_REASONS_END = 300
_WORD = re.compile(r"[\w.:/@+-]{1,80}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_NO_TRACE = "0" * 32


def read_trace(header: bytes) -> str:
    """Return the trace id in a `traceparent` (W3C Trace Context, section 3.2); "" for any other text."""
    match = _TRACEPARENT.fullmatch(header)
    found = "" if match is None else match[1].decode()
    return "" if found == _NO_TRACE else found


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object: `time`, `level`, `logger`, `message`, `trace_id?`, `error?`, `at?`.

    In a message only numbers and single words are filled in; an exception is named by its class and the lines of ours
    that it came through. Libraries may put anything into their messages: of them only the place is written.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": _write_message(record),
        }
        if trace_id := TRACE_ID.get():
            line["trace_id"] = trace_id
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["at"] = _list_places(record.exc_info[2])
        return to_json(line).decode()


def _write_message(record: logging.LogRecord) -> str:
    if not record.name.startswith(OURS):
        return f"{Path(record.pathname).name}:{record.lineno} has something to say; TODO_LOG=text shows it"
    if record.name in KNOWN_REASONS:
        return record.getMessage()[:KNOWN_REASONS_END]
    given = record.args if isinstance(record.args, tuple) else (record.args,) if record.args else ()
    return _fill(str(record.msg), [_allow(each) for each in given])


def _fill(template: str, given: list[str]) -> str:
    plain = re.sub(r"%[-+#0 ]*\d*(?:\.\d+)?[a-zA-Z]", "%s", template.replace("%%", "\0"))
    return (plain % tuple(given) if given else plain).replace("\0", "%")


def _allow(value: object) -> str:
    if isinstance(value, BaseException):
        return type(value).__name__
    text = str(value)
    return text if isinstance(value, int | float) or not text or _WORD.fullmatch(text) else "…"


def _list_places(trace: TracebackType | None) -> list[str]:
    """Return the innermost places of a traceback, without the text of their lines."""
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in extract_tb(trace)[-8:]]
