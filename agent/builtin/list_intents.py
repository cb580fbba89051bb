"""Wishes to see lists of tasks."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from agent.builtin.intent import Intent, Slots, WishReader


class ListWishes(WishReader):
    """Each method makes the wish of one intent of the language's file."""

    def _list(self, wish: Intent, heading: str, args: dict[str, Any]) -> Intent:
        return replace(wish, tool="find_tasks", args=args, heading=heading)

    def _wish_list_all(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return self._list(wish, "list_all", {"status": "all"})

    def _wish_list_open(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return self._list(wish, "list_open", {})

    def _wish_list_overdue(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return self._list(wish, "list_overdue", {"status": "overdue"})

    def _wish_list_recurring(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return self._list(wish, "list_recurring", {"kind": "recurring"})

    def _wish_list_reminders(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return self._list(wish, "list_reminders", {"has_reminder": True})

    def _wish_search(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        return self._list(wish, "found", {"text": self.read_target(slots["text"]).text, "status": "all"})

    def _wish_list_tagged(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        return self._list(wish, "found", {"tags": [self._said.restore(slots["tag"]).lstrip("#")]})

    def _wish_list_priority(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        level = self._language.reading["levels"].get(slots.get("level", "high").lower())
        return self._list(wish, "found", {"priority": level}) if level else self._answer("bad_level")

    def _wish_list_completed(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        args: dict[str, Any] = {"status": "completed", "sort": "completed"}
        if "span" in slots:
            span = self._read_span(slots["span"], past=True)
            if span is None:
                return self._answer("bad_time", text=slots["span"])
            args |= {"completed_from": str(span[0]), "completed_until": str(span[1])}
        return self._list(wish, "list_completed", args)

    def _wish_list_due(self, wish: Intent, slots: Slots, text: str) -> Intent:
        span = self._read_span(slots.get("span", text), past=False)
        if span is None:
            return self._answer("bad_time", text=self._said.restore(slots.get("span", text)))
        return self._list(wish, "list_due", {"due_from": str(span[0]), "due_until": str(span[1])})

    def _wish_list_due_by(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        when = self._phrases.read(slots["when"], self._now)
        if when is None or not when.due:
            return self._answer("bad_time", text=self._said.restore(slots["when"]))
        return self._list(wish, "list_due", {"due_until": when.due})

    def _read_span(self, text: str, *, past: bool) -> tuple[date, date] | None:
        """Return the first and last day of a span of days."""
        today, low = self._now.date(), text.lower()
        monday = today - timedelta(days=today.weekday())
        next_month = (today.replace(day=28) + timedelta(days=4)).replace(day=1)
        spans = {
            "today": (today, today),
            "yesterday": (today - timedelta(days=1),) * 2,
            "tomorrow": (today + timedelta(days=1),) * 2,
            "week": (monday, today) if past else (today, monday + timedelta(days=6)),
            "month": (today.replace(day=1), today) if past else (today, next_month - timedelta(days=1)),
            "next week": (monday + timedelta(days=7), monday + timedelta(days=13)),
            "weekend": (max(today, monday + timedelta(days=5)), monday + timedelta(days=6)),
            "seven": (today, today + timedelta(days=7)),
        }
        if low in self._language.reading["spans"]:
            return spans[self._language.reading["spans"][low]]
        when = self._phrases.read(text, self._now)
        if when is None or len(when.due) != 10 or past:
            return None
        return date.fromisoformat(when.due), date.fromisoformat(when.due)
