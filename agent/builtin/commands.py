"""The built-in commands: the model that answers where no language model is connected."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from agent.builtin.dialogue import Exchange, Result, read_now, split_turns
from agent.builtin.intent import Intent, Target
from agent.builtin.intents import Wishes
from agent.builtin.language import Language, load_language
from agent.builtin.replies import Replies
from agent.messages import Finished, ModelRequest, Piece, TextPiece, ToolCall

NAME = "offline-commands"
HONESTY = (
    "Built-in commands: no language model is connected; I understand sentences like "
    "“add buy milk tomorrow at 5” or “what is due today”."
)
"""What the first answer of a conversation begins with, in English; `Commands.honesty` is that of its language."""
MOST_TURNS = 12
"""Turns that are read again to know where a conversation stands."""

_CHOICES = 20
_RUNG = 50


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes next: a call, or something to say; `shown` is the list that the person sees then."""

    say: str = ""
    call: tuple[str, dict[str, Any]] | None = None
    shown: list[dict[str, Any]] | None = None
    pending: Intent | None = None


@dataclass(slots=True)
class State:
    """Where a conversation stands before a message: the list shown last, the task touched last, the open question."""

    shown: list[dict[str, Any]] | None = None
    touched: dict[str, Any] | None = None
    pending: Intent | None = None
    page: tuple[dict[str, Any], str] | None = None
    undone: list[str] = field(default_factory=list)
    refused: Result | None = None


class Commands:
    """A `ChatModel` that knows a fixed set of sentences, and does nothing that it did not wholly understand.

    It keeps nothing: everything is read from the messages of the request.
    """

    def __init__(self, language: str = "en") -> None:
        self._code = language

    @property
    def name(self) -> str:
        """The model's id, as people and clients see it."""
        return NAME

    @property
    def honesty(self) -> str:
        """The sentence that says what this is; the first answer of a conversation begins with it."""
        return load_language(self._code).say("honesty")

    def list_examples(self) -> dict[str, list[str]]:
        """Return the example sentences by group."""
        return load_language(self._code).list_examples()

    async def answer(self, request: ModelRequest) -> AsyncIterator[Piece]:
        """Yield the answer to the last message: text, then `Finished` with at most one call."""
        step = take_step(request, load_language(self._code))
        pieces = [] if any(message.role == "assistant" for message in request.messages) else [self.honesty]
        if step.call is not None and not request.tools:
            step = Reply(say=load_language(self._code).say("no_tools"))
        if step.say:
            pieces.append(step.say)
        if pieces:
            yield TextPiece("\n\n".join(pieces))
        if step.call is None:
            yield Finished()
            return
        tool, args = step.call
        call = ToolCall("call_1", tool, json.dumps(args, ensure_ascii=False))
        yield Finished(calls=(call,), reason="tool_calls")


def take_step(request: ModelRequest, language: Language) -> Reply:
    """Return what comes next in a conversation."""
    turns = split_turns(request.messages)
    if not turns:
        return Reply(say=say_examples(language, "all_examples"))
    state = State()
    for turn in turns[:-MOST_TURNS]:
        _note_results(state, turn)
    for turn in turns[-MOST_TURNS:-1]:
        now = read_now(turn, request.now.tzinfo) or request.now
        step = Reading(language, now, state).next_step(turn)
        _note_results(state, turn)
        if step is not None:
            state.pending = step.pending
            state.shown = step.shown if step.shown is not None else state.shown
        elif lists := [result for result in turn.results if result.name == "find_tasks" and result.rows]:
            # Another model answered this turn: what it looked up last is what it showed.
            state.pending, state.shown = None, lists[-1].rows
    step = Reading(language, request.now, state).next_step(turns[-1])
    return step or Reply(say=language.say("unclear"))


def say_examples(language: Language, heading: str) -> str:
    """Return the sentences that are understood, by group."""
    short = heading == "miss"
    lines = [language.say(heading)]
    for group, examples in language.list_examples().items():
        lines.append(f"{group}: " + "; ".join(f"“{example}”" for example in (examples[:2] if short else examples)))
    return "\n".join(lines)


class Reading:
    """One message read in the state of its conversation."""

    def __init__(self, language: Language, now: datetime, state: State) -> None:
        self._language = language
        self._say = language.say
        self._state = state
        self._wishes = Wishes(language, now)
        self._replies = Replies(language, now)

    def next_step(self, turn: Exchange) -> Reply | None:
        """Return what follows the results so far; None if these are not of calls that this reading makes."""
        wish = self._read(turn.text)
        results = list(turn.results)
        if not wish.tool:
            return None if results else self._talk(wish)
        if wish.target is not None and "task_id" not in wish.args:
            found = self._find_target(wish, wish.target, results)
            if not isinstance(found, Intent):
                return found
            wish = found
        if wish.tool == "snooze_reminder" and "task_id" not in wish.args:
            rung = self._find_rung(wish, results)
            if not isinstance(rung, Intent):
                return rung
            wish = rung
        if not results:
            return Reply(call=(wish.tool, wish.args))
        result = results.pop(0)
        if result.name != wish.tool or results:
            return None
        shown = result.rows if result.name == "find_tasks" and not result.failed else None
        return Reply(say=self._replies.say_result(result, wish.heading), shown=shown)

    def _read(self, text: str) -> Intent:
        """Return the wish of a message: the answer to an open question, or a wish of its own."""
        pending = self._state.pending
        if pending is not None and pending.missing == "when" and self._wishes.is_time(text):
            return self._wishes.fill(pending, text)
        wish = self._wishes.read(text)
        if pending is not None and wish.intent in ("miss", "more") and not wish.tool:
            answered = self._answer_question(pending, text)
            if answered is not None:
                return answered
        return self._complete_talk(wish)

    def _answer_question(self, pending: Intent, text: str) -> Intent | None:
        if pending.missing:
            return self._wishes.fill(pending, text)
        target = self._wishes.read_reply(text)
        shown = self._state.shown or []
        if target.number:
            return replace(pending, target=target)
        low = target.text.casefold()
        fitting = [row for row in shown if low and low in str(row.get("title", "")).casefold()]
        exact = [row for row in fitting if str(row.get("title", "")).casefold() == low]
        chosen = exact if len(exact) == 1 else fitting
        return _aim(pending, chosen[0]) if len(chosen) == 1 else None

    def _complete_talk(self, wish: Intent) -> Intent:
        """Return a wish about the conversation itself as a call."""
        state = self._state
        match wish.intent:
            case "undo":
                return replace(wish, tool="undo")
            case "redo" if state.undone:
                return replace(wish, tool="undo", args={"change_ids": [state.undone[-1]]})
            case "more" if state.page is not None:
                return replace(wish, tool="find_tasks", args={**state.page[0], "cursor": state.page[1]})
            case "agree" if state.pending is not None and state.pending.offered:
                return replace(state.pending, tool=state.pending.offered, offered="", say="")
            case "agree" if state.refused is not None:
                return Intent(tool=state.refused.name, args=state.refused.args)
        return wish

    def _talk(self, wish: Intent) -> Reply:
        if wish.say:
            return Reply(say=wish.say, pending=wish if wish.missing or wish.offered else None)
        if wish.intent == "help":
            return Reply(say=say_examples(self._language, "all_examples"))
        left = "left" if self._state.pending is not None or self._state.refused is not None else "nothing_pending"
        talk = {
            "greet": "greeting",
            "thank": "thanks",
            "decline": left,
            "agree": "nothing_pending",
            "redo": "no_redo",
            "more": "nothing_more",
        }
        if wish.intent in talk:
            return Reply(say=self._say(talk[wish.intent]))
        miss = say_examples(self._language, "miss")
        if what := wish.slots.get("what"):
            miss += "\n" + self._say("miss_add", text=what)
        return Reply(say=miss)

    def _find_target(self, wish: Intent, target: Target, results: list[Result]) -> Intent | Reply | None:
        """Return the wish with its task, taking what it looked up off the results; or the step that comes before."""
        if target.is_it:
            touched = self._state.touched
            return _aim(wish, touched) if touched else Reply(say=self._say("no_it"))
        if target.number and self._state.shown is not None:
            shown = self._state.shown
            place = target.number - 1 if target.number > 0 else len(shown) - 1
            if not 0 <= place < len(shown):
                return Reply(say=self._say("no_number", number=target.text), pending=replace(wish, target=None))
            return _aim(wish, shown[place])
        scope = wish.scope if target.number else {"text": target.text[:200], **wish.scope}
        if not results:
            return Reply(call=("find_tasks", {**scope, "limit": _CHOICES}))
        if results[0].name != "find_tasks":
            return None
        return self._choose(wish, target, results.pop(0))

    def _choose(self, wish: Intent, target: Target, result: Result) -> Intent | Reply:
        """Return the wish with the one task that was found; or the question which of several, or that there is none."""
        if result.failed:
            return Reply(say=self._replies.say_failure(result.text))
        rows = result.rows
        if not rows:
            return Reply(say=self._say_none(wish, target, result))
        if target.number:
            listed = self._replies.say_list(result, "")
            return Reply(say=f"{self._say('which_list')}\n{listed}", shown=rows, pending=replace(wish, target=None))
        exact = [row for row in rows if str(row.get("title", "")).casefold() == target.text.casefold()]
        if len(rows) == 1 or len(exact) == 1:
            return _aim(wish, (exact or rows)[0])
        listed = self._replies.say_list(result, "")
        return Reply(say=f"{self._say('which')}\n{listed}", shown=rows, pending=replace(wish, target=None))

    def _say_none(self, wish: Intent, target: Target, result: Result) -> str:
        if target.number:
            return self._say("no_list")
        titles = [row.get("title") for row in result.data.get("also_completed_titles", []) if isinstance(row, dict)]
        if titles:
            return self._say("none_found_completed", text=target.text, titles=", ".join(f"“{one}”" for one in titles))
        name = "none_found_series" if wish.scope.get("kind") == "recurring" else "none_found"
        return self._say(name, text=target.text)

    def _find_rung(self, wish: Intent, results: list[Result]) -> Intent | Reply | None:
        """Return the wish with the reminder that rang last."""
        if not results:
            return Reply(call=("find_tasks", {"limit": _RUNG}))
        found = results.pop(0)
        if found.name != "find_tasks":
            return None
        if found.failed:
            return Reply(say=self._replies.say_failure(found.text))
        if found.data.get("next_cursor"):
            return Reply(say=self._say("many_rung"))
        fired = [
            (str(reminder.get("remind_at")), str(reminder.get("id")))
            for row in found.rows
            for reminder in row.get("reminders", [])
            if reminder.get("status") == "fired"
        ]
        if not fired:
            return Reply(say=self._say("no_rung"))
        return replace(wish, args={"reminder_id": max(fired)[1], **wish.args})


def _aim(wish: Intent, row: dict[str, Any]) -> Intent:
    """Return the wish on the task of a row, whose day stays where only a clock was said."""
    args = {"task_id": row["id"], **wish.args}
    if wish.keeps_day and len(day := str(row.get("due_local", ""))[:10]) == 10:
        args["due"] = day + wish.args["due"][10:]
    return replace(wish, target=None, args=args)


def _note_results(state: State, turn: Exchange) -> None:
    """Bring a state up to what a turn's calls did."""
    state.refused = None
    for result in turn.results:
        if result.failed:
            state.refused = result if "confirmation_required" in result.text[:200] else None
        elif result.name == "find_tasks":
            cursor = result.data.get("next_cursor")
            args = {name: value for name, value in result.args.items() if name != "cursor"}
            state.page = (args, cursor) if cursor else None
            # After a list of several, "it" could be any of them.
            state.touched = result.rows[0] if len(result.rows) == 1 else None
        else:
            _note_write(state, result)


def _note_write(state: State, result: Result) -> None:
    task = result.data.get("task") or (result.data if result.name == "get_task" else {})
    state.touched = task if "id" in task else state.touched
    if result.name == "undo":
        if result.args.get("change_ids"):
            state.undone = [one for one in state.undone if one not in result.args["change_ids"]]
        elif "change_id" in result.data:
            state.undone = [*state.undone, str(result.data["change_id"])]
    elif result.data.get("events"):
        # After a new change the old ones are not brought back.
        state.undone = []
