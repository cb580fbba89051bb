"""The account of a turn: what it changed and what failed, in words for people."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from agent.entries import AnswerEntry, Entry, ResultEntry, read_arguments
from agent.messages import Tool, ToolCall

_DEEDS = {
    "create_task": "adding",
    "update_task": "changing",
    "complete_task": "completing",
    "reopen_task": "reopening",
    "delete_task": "deleting",
    "set_reminder": "setting the reminder of",
    "snooze_reminder": "snoozing the reminder of",
    "cancel_reminder": "cancelling the reminder of",
    "create_recurring_task": "adding, to be repeated,",
    "update_recurring_task": "changing the repetition of",
}
_WHOLE = {
    "plan_changes": "planning the changes",
    "apply_plan": "making the planned changes",
    "undo": "taking a change back",
}
"""Deeds that name no single task."""
_REASONS = {
    "task_not_found": "it was not found",
    "rule_invalid": "how often was not understood",
    "request_id_reused": "it was mixed up with another change",
    "not_carried_out": "it was not begun",
    "unknown_tool": "that is not possible here",
    "plan_expired": "the plan is no longer valid",
}
"""Reasons for people, where the refusal speaks of ids and formats."""
_UNCLEAR = "it was not asked for in a way that can be carried out"
_FOR_PROGRAMS = re.compile(r"argument|[a-z]_[a-z]|[{}]")
_LONGEST_TITLE = 200
_SHOWN = 10

_DONE = (
    "done|deleted|removed|added|created|saved|completed|finished|changed|updated|moved|renamed|scheduled|rescheduled|set|"
    "marked|ticked|snoozed|cancell?ed|restored|undone|reopened|cleared|postponed|tagged"
)
_CLAIM = re.compile(
    r"^(?:(?:ok|okay|all right|alright|great|sure|perfect|yes|right|and|all|everything|it|they|that)"
    r"(?:['\u2019]s|,|!|\.)? +)*"
    rf"(?:is |are |has been |have been )?(?:now |all |just |successfully )*(?:{_DONE})\b"
    rf"|\b(?:i|we)(?:['\u2019]ve| have)?(?: now| just| also| successfully| already)* (?:{_DONE})\b"
    rf"|\b(?:has|have|is|are) (?:now |all |just |been |successfully )+(?:{_DONE})\b"
    rf"|^(?:all|both|the|your|these|those|they|it|that|everything)\b[^,;:]{{0,80}}?"
    rf"\b(?:is|are|was|were|has been|have been) (?:now |all |just |successfully )*(?:{_DONE})\b"
    rf"|^(?:task|reminder|tasks|reminders)\b.{{0,80}}\b(?:{_DONE})\b"
    r"|\b(?:erledigt|gelöscht|hinzugefügt|angelegt|gespeichert|geändert|verschoben|abgehakt|fertig)\b"
    r"|\b(?:c'est fait|supprimée?s?|ajoutée?s?|modifiée?s?|créée?s?|déplacée?s?|terminée?s?)\b"
    r"|\b(?:hecho|listo|eliminad[oa]s?|borrad[oa]s?|añadid[oa]s?|cread[oa]s?|guardad[oa]s?|fatto|eliminat[oaie]|feito)\b"
    r"|(?:готово|удален[оаы]?|удалил|добавлен[оаы]?|已删除|已添加|已完成|削除しました|追加しました|完了しました)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|`[^`]*`|\*\*[^*]*\*\*")
_LISTED = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s")
_ABOUT_THE_PAST = re.compile(
    r"^\W*(?:did|have|has|had|was|were|which|what|when|why|who|how|is|are|show|list|hast|habe|ist|was|as-tu)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Write:
    """A call of a writing tool with its result; `answer` is the number of the model's answer that wanted it."""

    answer: int
    call: ToolCall
    arguments: dict[str, Any]
    result: ResultEntry

    @property
    def changed(self) -> bool:
        """Whether it changed something."""
        return not self.result.failed and "change_id" in self.result.result

    @property
    def target(self) -> str | None:
        """What it was to change: ids, or the title of what was to be made; None if it names none."""
        for name in ("task_id", "reminder_id", "plan_id", "change_ids"):
            if self.arguments.get(name):
                return to_json(self.arguments[name]).decode().strip('"')
        title = str(self.arguments.get("title") or "").strip().casefold()
        return title if 0 < len(title) <= _LONGEST_TITLE else None

    @property
    def rehearses(self) -> bool:
        """Whether it only shows what would be changed."""
        return self.call.name == "plan_changes" and not self.arguments.get("apply")


def list_writes(entries: Sequence[Entry], tools: Sequence[Tool]) -> list[Write]:
    """Return the calls of writing tools that have a result, in the order of their results."""
    writing = {tool.name for tool in tools if tool.writes}
    wanted: dict[str, tuple[int, ToolCall]] = {}
    writes: list[Write] = []
    for number, entry in enumerate(entries):
        if isinstance(entry, AnswerEntry):
            wanted |= {call.call_id: (number, call) for call in entry.calls}
        elif (found := wanted.get(entry.call_id)) is not None and found[1].name in writing:
            writes.append(Write(*found, read_arguments(found[1]) or {}, entry))
    return writes


def list_done(entries: Sequence[Entry], tools: Sequence[Tool]) -> list[str]:
    """Return what a turn changed, a sentence for each call."""
    return [
        str(write.result.result.get("message", say_deed(write.call)))
        .removesuffix(str(write.result.result.get("hint", "")))
        .strip()
        for write in list_writes(entries, tools)
        if write.changed
    ]


def say_done(done: Sequence[str]) -> str:
    """Return the sentences in one line, of many the first ones and the number of the others."""
    more = f" And {len(done) - _SHOWN} more." if len(done) > _SHOWN else ""
    return " ".join(done[:_SHOWN]) + more


def say_failures(entries: Sequence[Entry], tools: Sequence[Tool], said: str = "") -> str:
    """Return a line about each write that failed and that nothing repaired; a reason that is in `said` is left out."""
    writes = list_writes(entries, tools)
    changed = any(write.changed for write in writes)
    titles = _find_titles(entries)
    lines: list[str] = []
    for write in _list_unrepaired(writes, entries):
        reason = _say_reason(write.result.result, write.result.text)
        if reason.split(". ")[0].removesuffix(".") in said or (write.rehearses and changed):
            continue
        line = f"{say_deed(write.call, titles) or 'a step'} ({reason})"
        if line not in lines:
            lines.append(line)
    return f"Not done: {'; '.join(lines)}." if lines else ""


def say_deed(call: ToolCall, titles: Mapping[str, str] | None = None) -> str:
    """Return what a call was to do, in words, empty if it only reads; the task is named where its title is known."""
    if call.name not in _DEEDS:
        return _WHOLE.get(call.name, "")
    arguments = read_arguments(call) or {}
    title = (titles or {}).get(str(arguments.get("task_id")), "")
    if not title and call.name.startswith("create_"):
        title = str(arguments.get("title") or "")[:_LONGEST_TITLE]
    return f"{_DEEDS[call.name]} {f'“{title}”' if title else 'a task'}"


def claims_change(text: str) -> bool:
    """Return whether an answer says that something was changed; quotations and lists do not count."""
    for line in text.splitlines():
        if _LISTED.match(line):
            continue
        for sentence in re.split(r"(?<=[.!?。！])\s*", _QUOTED.sub("…", line)):  # noqa: RUF001  # as Chinese writes it
            if sentence and not sentence.endswith("?") and _CLAIM.search(sentence.strip(" …")):
                return True
    return False


def asks_back(message: str) -> bool:
    """Return whether a message asks about what is or was, so that an answer may speak of earlier changes."""
    return _ABOUT_THE_PAST.match(message) is not None


def _list_unrepaired(writes: Sequence[Write], entries: Sequence[Entry]) -> list[Write]:
    used: set[str] = set()
    left: list[Write] = []
    for write in writes:
        if not write.result.failed:
            continue
        repair = next(
            (
                later
                for later in writes
                if later.call.call_id not in used and later.answer > write.answer and _repairs(write, later, entries)
            ),
            None,
        )
        if repair is None:
            left.append(write)
        elif repair.target != write.target:
            used.add(repair.call.call_id)
    return left


def _repairs(failed: Write, later: Write, entries: Sequence[Entry]) -> bool:
    """Return whether a later call did what a failed one was to do: the same tool on the same target.

    It may have another id if the failed one was unknown, a result in between names that id, and all else is the same.
    """
    if later.result.failed or later.call.name != failed.call.name:
        return False
    if failed.target is None or failed.target == later.target:
        return True
    if failed.result.result.get("code") != "task_not_found" or later.target is None:
        return False
    between = entries[entries.index(failed.result) : entries.index(later.result)]
    rest = [{name: value for name, value in each.arguments.items() if name != "task_id"} for each in (failed, later)]
    named = any(isinstance(entry, ResultEntry) and later.target in entry.text for entry in between)
    return named and rest[0] == rest[1]


def _say_reason(result: Mapping[str, Any], text: str) -> str:
    code = str(result.get("code", ""))
    if code in _REASONS:
        return _REASONS[code]
    reason = str(result.get("message", text)).removesuffix(str(result.get("hint", ""))).strip()
    return (_UNCLEAR if not reason or _FOR_PROGRAMS.search(reason) else reason).removesuffix(".")


def _find_titles(entries: Sequence[Entry]) -> dict[str, str]:
    titles: dict[str, str] = {}
    for entry in entries:
        if isinstance(entry, ResultEntry):
            listed = [entry.result.get("task"), *(entry.result.get("tasks") or []), entry.result]
            named = [each for each in listed if isinstance(each, dict) and {"id", "title"} <= each.keys()]
            titles |= {str(each["id"]): str(each["title"]) for each in named}
    return titles
