"""The replies of the built-in commands: the result of a call in a few plain sentences."""

from datetime import date, datetime
from typing import Any

from agent.builtin.dialogue import AnsweredCall, read_object
from agent.builtin.language import Language

_PLANNED = 10
"""Changes of a plan that are listed."""
_HINTS = {"delete_task": "end_series", "undo": "redo_hint"}
"""What replaces the hint of a write's answer, by its tool; any other tool hints that it changed one occurrence."""


class Replies:
    """The replies of one language at one moment."""

    def __init__(self, language: Language, now: datetime) -> None:
        self._say = language.say
        self._now = now

    def say_result(self, call: AnsweredCall, heading: str = "") -> str:
        """Return what a call did, as its result says."""
        if call.failed:
            return self.say_failure(call)
        if not call.data:
            return self._say("unclear")
        if call.name == "find_tasks" and heading == "next_reminder":
            return self._say_next_reminder(call.rows)
        if call.name == "find_tasks" and heading == "where":
            return str(call.data.get("rings") or self._say("unclear"))
        if call.name == "plan_changes" and "change_id" not in call.data:
            return self._say_plan(call.data)
        if call.name == "find_tasks":
            return self.say_list(call, heading)
        if call.name == "preview_occurrences":
            return self._say_dates(call.data)
        if call.name == "get_task":
            return self.say_task(call.data.get("task") or call.data)
        return self._say_write(call)

    def say_failure(self, call: AnsweredCall) -> str:
        """Return a refusal without its code and without the advice that is meant for programs."""
        refusal = read_object(call.text)
        text = str(refusal.get("message") or call.text)
        code, separator, sentence = text.partition(": ")
        if separator and code.isidentifier() and code.islower():
            text = sentence
        plain = text.strip().removesuffix(call.hint or str(refusal.get("hint", ""))).strip()
        return self._say("failed", text=plain or text)

    def say_list(self, call: AnsweredCall, heading: str) -> str:
        """Return a numbered list; coming occurrences have no number, since no command can change them yet."""
        rows, data = call.rows, call.data
        lines = [self._say(heading, total=data.get("total", len(rows)))] if rows and heading else []
        lines += [f"{number}. {self.say_row(row)}" for number, row in enumerate(rows, 1)]
        if not rows:
            lines.append(self._say("empty"))
        more = int(data.get("total", 0)) - len(rows)
        if more > 0 and data.get("next_cursor"):
            lines.append(self._say("more", count=more))
        coming = data.get("upcoming")
        if isinstance(coming, list) and coming:
            lines.append(self._say("coming"))
            lines += [f"- {row['title']}, {row['due_text']}" for row in coming]
        return "\n".join(lines)

    def say_row(self, row: dict[str, Any]) -> str:
        """Return one task in one line."""
        parts = [str(row.get("title", ""))]
        if row.get("due_text"):
            parts.append(self._say("due", due=row["due_text"]))
        if row.get("status") == "completed" and row.get("kind") != "recurring":
            parts.append(self._say("done"))
        elif self._is_overdue(row):
            parts.append(self._say("overdue"))
        recurrence = row.get("recurrence") or {}
        if rule := row.get("rule_text") or recurrence.get("rule_text"):
            parts.append(rule)
        if recurrence.get("paused"):
            parts.append(self._say("paused"))
        if row.get("priority", "none") != "none":
            parts.append(self._say("priority", level=row["priority"]))
        parts += [f"#{tag}" for tag in row.get("tags", [])]
        return ", ".join(parts)

    def say_task(self, task: dict[str, Any]) -> str:
        """Return one task with its notes."""
        waiting = [one for one in task.get("reminders", []) if one.get("status") == "scheduled"]
        line = self.say_row(task) + (f", {self._say('reminder')}" if waiting else "") + "."
        return f"{line}\n{task['notes']}" if task.get("notes") else line

    def _say_dates(self, data: dict[str, Any]) -> str:
        dates = [str(row.get("due_text")) for row in data.get("occurrences", [])]
        if not dates:
            return self._say("no_dates")
        text = self._say("dates", rule=data.get("rule_text", ""), dates="; ".join(dates))
        return " ".join([text[:1].upper() + text[1:], *data.get("warnings", [])])

    def _say_next_reminder(self, rows: list[dict[str, Any]]) -> str:
        """Return the reminder of a list that rings first."""
        waiting = [
            (str(one.get("remind_at")), str(row.get("title", "")))
            for row in rows
            for one in row.get("reminders", [])
            if one.get("status") == "scheduled"
        ]
        if not waiting:
            return self._say("no_reminder")
        at, title = min(waiting)
        local = datetime.fromisoformat(at).astimezone(self._now.tzinfo)
        day = self._say("weekdays").split()[local.weekday()]
        return self._say("next_reminder", title=title, time=f"{day} {local:%Y-%m-%d, %H:%M}")

    def _say_plan(self, data: dict[str, Any]) -> str:
        """Return what a plan would do, and the question whether to do it."""
        texts = [str(entry.get("text", "")) for entry in data.get("diff", [])]
        lines = [self._say("plan"), *(f"{number}. {text}" for number, text in enumerate(texts[:_PLANNED], 1))]
        if len(texts) > _PLANNED:
            lines.append(self._say("plan_more", count=len(texts) - _PLANNED))
        return "\n".join([*lines, *(str(warning) for warning in data.get("warnings", [])), self._say("plan_ask")])

    def _say_write(self, call: AnsweredCall) -> str:
        data = call.data
        message = str(data.get("message", ""))
        if hint := str(data.get("hint", "")):
            message = message.removesuffix(hint).rstrip()
        if hint and not (call.name == "undo" and call.args.get("change_ids")):
            message += self._say(_HINTS.get(call.name, "only_this"))
        return " ".join([message, *(str(warning) for warning in data.get("warnings", []))])

    def _is_overdue(self, row: dict[str, Any]) -> bool:
        due = str(row.get("due", ""))
        try:
            if len(due) == 10:
                return date.fromisoformat(due) < self._now.date()
            return bool(due) and datetime.fromisoformat(due) < self._now
        except (ValueError, TypeError):
            return False
