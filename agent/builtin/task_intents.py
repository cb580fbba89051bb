"""Wishes about tasks and their reminders."""

import re
from dataclasses import replace
from typing import Any

from agent.builtin.intent import Intent, Slots, WishReader
from agent.builtin.time_phrases import Split
from agent.builtin.time_values import When


class TaskWishes(WishReader):
    """Each method makes the wish of one intent of the language's file."""

    def _take_marks(self, text: str) -> tuple[str, dict[str, Any]]:
        """Take `#tags` and a priority off the end of a text."""
        marks: dict[str, Any] = {}
        while True:
            if match := re.search(r"(?:^| )#(\w[\w-]{0,63})$", text):
                marks["tags"] = list(dict.fromkeys([match[1], *marks.get("tags", [])]))
            elif match := re.search(f"{self._language.reading['level_tail']}$", text, flags=re.IGNORECASE):
                level = next(group for group in match.groups() if group)
                marks["priority"] = self._language.reading["levels"][level.lower()]
            else:
                return text, marks
            text = text[: match.start()].rstrip(" ,")

    def _wish_create(self, wish: Intent, slots: Slots, _text: str, reminders: tuple[str, ...] = ()) -> Intent:
        what, marks = self._take_marks(slots.get("what", ""))
        if "when" in slots:
            if self._phrases.read(slots["when"], self._now) is None:
                return self._answer("bad_time", text=self._said.restore(slots["when"]))
            what = f"{what} {slots['when']}"
        split = self._phrases.split(what, self._now)
        title, more = self._take_marks(split.title)
        marks = {**more, **marks}
        if more.get("tags") and marks.get("tags") is not more["tags"]:
            marks["tags"] = [*more["tags"], *marks["tags"]]
        if reminders:
            marks["reminders"] = list(reminders)
        return self._make(Split(title, split.when, split.doubt), wish, marks)

    def _make(self, split: Split, wish: Intent, marks: dict[str, Any]) -> Intent:
        if split.doubt:
            return self._doubt(split.doubt)
        if not split.title:
            return self._ask(wish, "what", "no_title")
        args: dict[str, Any] = {"title": self._said.restore(split.title), **marks}
        when = split.when
        if "reminders" in marks and when is None:
            return self._ask(wish, "when", "no_time")
        if when is not None and when.rule:
            return replace(wish, tool="create_recurring_task", args={**args, **show_rule(when)})
        if when is not None:
            args["due"] = when.due
        return replace(wish, tool="create_task", args=args)

    def _wish_create_ahead(self, wish: Intent, slots: Slots, text: str) -> Intent:
        lead = self._phrases.read_duration(slots["lead"])
        return self._wish_create(wish, slots, text, (lead,)) if lead else self._answer("bad_lead")

    def _wish_remind(self, wish: Intent, slots: Slots, text: str) -> Intent:
        return self._wish_create(wish, slots, text, ("0m",))

    def _wish_remind_before(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        lead = self._phrases.read_duration(slots["lead"])
        return replace(wish, tool="set_reminder", args={"before": lead}) if lead else self._answer("bad_lead")

    def _wish_remind_about(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        text = f"{slots.get('target') or slots['target_when']} {slots.get('when', '')}".strip()
        return self._on_time(wish, text, "set_reminder", "at")

    def _on_time(self, wish: Intent, text: str, tool: str, name: str) -> Intent:
        """Return a wish on a task and a time that stand in one text."""
        split = self._phrases.split(text, self._now)
        if split.doubt:
            return self._doubt(split.doubt)
        if split.when is None or not split.title:
            return self._ask(wish, "when", "no_time")
        wish = replace(wish, target=self.read_target(split.title), tool=tool)
        if not split.when.due:
            return self._answer("no_rule_here")
        return replace(wish, args={name: split.when.due}, keeps_day=name == "due" and split.when.is_clock)

    def _wish_cancel_reminder(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return replace(wish, tool="cancel_reminder")

    def _wish_snooze(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        if "when" in slots:
            when = self._phrases.read(slots["when"], self._now)
            if when is None or not when.due:
                return self._answer("bad_time", text=self._said.restore(slots["when"]))
            return replace(wish, tool="snooze_reminder", args={"until": when.due})
        lead = self._phrases.read_duration(slots.get("lead", ""))
        if lead is None:
            return self._ask(wish, "lead", "bad_lead")
        return replace(wish, tool="snooze_reminder", args={"duration": lead})

    def _wish_show(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return replace(wish, tool="get_task", scope={"status": "all"})

    def _wish_due_of(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return replace(wish, tool="get_task")

    def _wish_complete(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return replace(wish, tool="complete_task")

    def _wish_report_done(self, wish: Intent, slots: Slots, text: str) -> Intent:
        # "It is done?" asks, and does not tell.
        return self._wish_is_done(wish, slots, text) if self._is_question else self._wish_complete(wish, slots, text)

    def _wish_is_done(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return replace(wish, tool="get_task", scope={"status": "all"})

    def _wish_reopen(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return replace(wish, tool="reopen_task", scope={"status": "completed"})

    def _wish_delete(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return replace(wish, tool="delete_task")

    def _update(self, wish: Intent, **args: Any) -> Intent:
        return replace(wish, tool="update_task", args=args)

    def _wish_rename(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        return self._update(wish, title=self._said.restore(slots["title"]))

    def _wish_change(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        split = self._phrases.split(slots["value"], self._now)
        if split.doubt:
            return self._doubt(split.doubt)
        args = {"title": self._said.restore(split.title)} if split.title else {}
        if split.when is not None:
            if split.when.rule:
                return self._answer("no_rule_here")
            args["due"] = split.when.due
        return replace(self._update(wish, **args), keeps_day=split.when is not None and split.when.is_clock)

    def _wish_move(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        # "to friday" and "to on friday" are the same; a clock alone needs the word that it stands after.
        if "when" not in slots:
            return self._on_time(wish, slots["target_when"], "update_task", "due")
        when = self._phrases.read(slots["when"], self._now) or self._phrases.read(f"at {slots['when']}", self._now)
        if when is None:
            return self._answer("bad_time", text=self._said.restore(slots["when"]))
        if not when.due:
            return self._answer("no_rule_here")
        return replace(self._update(wish, due=when.due), keeps_day=when.is_clock)

    def _wish_postpone(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        lead = self._phrases.read_duration(slots.get("lead", ""))
        return self._update(wish, shift=lead) if lead else self._answer("bad_lead")

    def _wish_clear_due(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return self._update(wish, clear=["due"])

    def _wish_tag(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        return self._tag(wish, slots, "add_tags")

    def _wish_untag(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        return self._tag(wish, slots, "remove_tags")

    def _tag(self, wish: Intent, slots: Slots, name: str) -> Intent:
        if " " in slots.get("tag", " "):
            return self._answer("two_ways")
        return self._update(wish, **{name: [self._said.restore(slots["tag"]).lstrip("#")]})

    def _wish_priority(self, wish: Intent, slots: Slots, text: str) -> Intent:
        level = self._language.reading["levels"].get(slots.get("level", "high").lower())
        if level:
            return self._update(wish, priority=level)
        # "make me a sandwich" has the form of "make it high", but is about no priority.
        meant = self._language.reading["about_levels"] in text.lower()
        return self._answer("bad_level") if meant else Intent(intent="miss")

    def _wish_note(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        if ":" in slots["target"]:
            # The first colon ends the task's name.
            return self._answer("two_ways")
        return self._update(wish, append_notes=self._said.restore(slots["text"]))

    def _wish_replace_notes(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        if ":" in slots["target"]:
            return self._answer("two_ways")
        return self._update(wish, notes=self._said.restore(slots["text"]))

    def _wish_clear_notes(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return self._update(wish, clear=["notes"])

    def _wish_delete_notes(self, _wish: Intent, slots: Slots, _text: str) -> Intent:
        # "Notes of the meeting" may well be what a task is called.
        return self._answer("notes_or_task", text=self._said.restore(slots["target"]))


def show_rule(when: When) -> dict[str, str]:
    """Return a repetition as the arguments of the tools."""
    return {"rule": when.rule, "first_due": when.first_due} if when.first_due else {"rule": when.rule}
