"""Wishes about tasks that repeat."""

import re
from dataclasses import replace
from typing import Any

from agent.builtin.intent import Intent, Slots, WishReader
from agent.builtin.task_intents import show_rule

_SERIES = {"kind": "recurring"}
_FOR_ALL = ("update_task", "delete_task", "get_task", "update_recurring_task", "preview_occurrences")


class SeriesWishes(WishReader):
    """Each method makes the wish of one intent of the language's file."""

    def _cut_series(self, text: str) -> str:
        """Return the name in a part of a sentence that calls it a series; nothing if it does not."""
        reading = self._language.reading
        for around in (rf"{reading['series_start']} (.+)", rf"(.+) {reading['series_end']}"):
            match = re.fullmatch(around, text, flags=re.IGNORECASE)
            # "Watch the series" names a task, and "the series" nothing.
            if match and not re.fullmatch(reading["target_start"], match[1].split()[-1].lower()):
                return match[1]
        return ""

    def _aim_at_series(self, wish: Intent, name: str) -> Intent:
        """Return a wish as one on all of the series of a name; what goes for one occurrence alone stays as it is."""
        if wish.tool not in _FOR_ALL:
            return wish
        wish = replace(wish, target=self.read_target(name))
        if wish.tool != "update_task":
            return replace(wish, scope=_SERIES)
        if wish.args.keys() & {"due", "shift"} or "due" in wish.args.get("clear", []):
            return self._answer("series_due")
        return self._change_series(wish, **wish.args)

    def _change_series(self, wish: Intent, **args: Any) -> Intent:
        return replace(wish, tool="update_recurring_task", args=args, scope=_SERIES)

    def _wish_repeat(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        text = f"{slots.get('target') or slots['target_when']} {slots.get('when', '')}".strip()
        split = self._phrases.split(text, self._now)
        if split.doubt:
            return self._doubt(split.doubt)
        if split.when is None or not split.when.rule:
            return self._ask(wish, "when", "bad_rule")
        target = self.read_target(split.title)
        return replace(wish, tool="create_recurring_task", target=target, args=dict(show_rule(split.when)))

    def _wish_change_rule(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        when = self._phrases.read(slots["when"], self._now)
        if when is None or not when.rule:
            return self._ask(wish, "when", "bad_rule")
        return self._change_series(wish, **show_rule(when))

    def _wish_stop_series(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return replace(wish, tool="delete_task", scope=_SERIES)

    def _wish_pause(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        if "when" not in slots:
            return self._change_series(wish, paused=True)
        day = self._read_day(slots["when"])
        return self._change_series(wish, pause_until=day) if day else self._refuse_day(slots["when"])

    def _wish_resume(self, wish: Intent, _slots: Slots, _text: str) -> Intent:
        return self._change_series(wish, paused=False)

    def _wish_skip(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        if "target_when" in slots:
            return self._answer("bad_time", text=self._said.restore(slots["target_when"]))
        if "when" in slots:
            day = self._read_day(slots["when"])
            return self._change_series(wish, skip=day) if day else self._refuse_day(slots["when"])
        if "count" in slots:
            count = self._read_count(slots["count"])
            return self._change_series(wish, skip=str(count)) if count else self._refuse_day(slots["count"])
        split = self._phrases.split(slots["target"], self._now)
        if split.when is not None or split.doubt:
            return self._doubt(split.doubt or slots["target"])
        return self._change_series(wish, skip="1")

    def _wish_next_of(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        count = self._read_count(slots["count"]) if "count" in slots else 3
        if not count or count > 50:
            return self._answer("miss_count")
        return replace(wish, tool="preview_occurrences", args={"count": count}, scope=_SERIES)

    def _wish_preview(self, wish: Intent, slots: Slots, _text: str) -> Intent:
        when = self._phrases.read(slots["when"], self._now)
        if when is None or not when.rule:
            return self._answer("bad_rule")
        return replace(wish, tool="preview_occurrences", args=dict(show_rule(when)))

    def _read_day(self, text: str) -> str:
        when = self._phrases.read(text, self._now)
        return when.due if when is not None and len(when.due) == 10 else ""

    def _refuse_day(self, text: str) -> Intent:
        return self._answer("bad_time", text=self._said.restore(text))

    def _read_count(self, text: str) -> int:
        counts = self._language.table["words"]["count"]
        low = text.lower()
        return int(low) if low.isdecimal() and len(low) < 4 else counts.get(low, 0)
