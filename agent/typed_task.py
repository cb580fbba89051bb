"""A task as it is typed in one line, read into the arguments of the tool that makes it; stores nothing."""

from typing import Annotated, Any

from pydantic import Field

from agent.builtin.language import load_language
from agent.builtin.typed_line import Part, read_line
from todo.errors import TodoError
from todo.record.work import Work
from todo.requests.request import Request
from todo.requests.schemas import PreviewOccurrences
from todo.series.preview import preview_occurrences

DATES = 3
"""How many of the next dates come with a rule."""


class ReadLine(Request):
    """Arguments of reading a line."""

    text: Annotated[
        str,
        Field(max_length=600, description="A task in one line: water the plants every monday at 18:00 #home !high"),
    ]
    list: Annotated[str | None, Field(max_length=64, description="The list that a line goes to which names none")] = (
        None
    )


MAKING = ("title", "due", "start", "rule", "first_due", "mode", "reminders", "tags", "priority", "list")
"""The fields of a reading that are arguments of the tools."""


def read_typed_line(work: Work, request: ReadLine) -> dict[str, Any]:
    """Return what a line says in the forms that the tools take; what is not understood stays in the title.

    The shape is `{title, due?, start?, rule?, first_due?, mode?, reminders?, tags?, priority?, list?, rule_text?,
    occurrences?, spans: [{from, to, field, text, value?, reason?}], unread: [words]}`. Places count code points;
    `unread` words look like a time and were not read as one, and their spans say why.
    """
    preview: dict[str, Any] = {}

    def judge(args: dict[str, Any]) -> str:
        """Return why a rule cannot be taken; an empty text if it can."""
        given = {name: args[name] for name in ("rule", "first_due") if name in args}
        if "rule" not in given:
            return ""
        try:
            answer = preview_occurrences(work, PreviewOccurrences(**given, count=DATES))
        except TodoError as error:
            return error.text
        preview.update(rule_text=answer["rule_text"], occurrences=answer["occurrences"])
        return "" if answer["occurrences"] else load_language().say("line_no_dates")

    reading = read_line(load_language(), request.text, work.now.astimezone(work.zone), judge)
    spans = [_show_span(request.text, part) for part in reading.parts]
    defaults = {} if request.list is None else {"list": request.list}
    return {
        **defaults,
        **reading.args,
        **(preview if "rule" in reading.args else {}),
        "spans": sorted(spans, key=lambda span: span["from"]),
        "unread": [span["text"] for span in spans if span["field"] == "unread"],
    }


def _show_span(text: str, part: Part) -> dict[str, Any]:
    start, end = part.words[0].start, part.words[-1].end
    span: dict[str, Any] = {"from": start, "to": end, "field": part.field, "text": text[start:end]}
    if part.value is not None:
        span["value"] = part.value
    if part.reason:
        span["reason"] = part.reason
    return span
