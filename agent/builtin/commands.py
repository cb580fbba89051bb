"""The built-in commands: the model that answers when no language model is connected."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from agent.builtin.certainty import is_certain
from agent.builtin.dialogue import AnsweredCall, Exchange, read_now, split_exchanges
from agent.builtin.intent import Intent, Target
from agent.builtin.intents import Intents
from agent.builtin.language import Language, load_language
from agent.builtin.replies import Replies
from agent.messages import Finished, ModelRequest, Piece, TextPiece, ToolCall

NAME = "offline-commands"
MOST_EXCHANGES = 12
"""Exchanges that are read again to find open questions and the list shown last."""

_CHOICES = 20
"""Tasks offered when several match."""
_MOST_BOTH = 5
"""Tasks that "both" or "all" can mean."""
_CHANGES = ("complete_", "reopen_", "delete_", "update_")
_RUNG = 50
"""Tasks searched for the reminder that rang last."""

Row = dict[str, Any]
"""A task as a tool's result shows it."""


@dataclass(frozen=True, slots=True)
class Action:
    """The next step of a conversation: a tool call, or something to say and the list that the person then sees."""

    say: str = ""
    tool: str = ""
    args: dict[str, Any] = field(default_factory=dict)
    shown: list[Row] | None = None
    pending: Intent | None = None
    """The intent that waits for the person's answer."""


@dataclass(slots=True)
class State:
    """Where a conversation stands before a message."""

    shown: list[Row] | None = None
    """The list shown last; "task 3" is its third row."""
    touched: Row | None = None
    """The task that "it" means."""
    pending: Intent | None = None
    next_page: dict[str, Any] | None = None
    """The arguments of `find_tasks` that "more" calls it with."""
    undone: list[str] = field(default_factory=list)
    """The ids of changes that "redo" can bring back, the newest last."""
    unconfirmed: AnsweredCall | None = None
    """The call that was refused because it needs a confirmation."""


class Commands:
    """A `ChatModel` that knows a fixed set of sentences, and changes nothing unless it fully understood the message.

    It is stateless: everything is read from the messages of the request.
    """

    def __init__(self, language: str = "en") -> None:
        self._code = language

    @property
    def name(self) -> str:
        """The model's id, as people and clients see it."""
        return NAME

    @property
    def honesty(self) -> str:
        """The sentence that says what this model is; a conversation's first answer begins with it."""
        return load_language(self._code).say("honesty")

    def list_examples(self) -> dict[str, list[str]]:
        """Return the example sentences by group."""
        return load_language(self._code).list_examples()

    async def answer(self, request: ModelRequest) -> AsyncIterator[Piece]:
        """Yield the answer to the last message: text, then `Finished` with at most one call."""
        language = load_language(self._code)
        action = next_action(request, language)
        texts = [] if any(message.role == "assistant" for message in request.messages) else [self.honesty]
        if action.tool and not request.tools:
            action = Action(say=language.say("no_tools"))
        if action.say:
            texts.append(action.say)
        if texts:
            yield TextPiece("\n\n".join(texts))
        if not action.tool:
            yield Finished()
            return
        call = ToolCall("call_1", action.tool, json.dumps(action.args, ensure_ascii=False))
        yield Finished(calls=(call,), reason="tool_calls")


def next_action(request: ModelRequest, language: Language) -> Action:
    """Return the next step of a conversation."""
    exchanges = split_exchanges(request.messages)
    if not exchanges:
        return Action(say=say_examples(language))
    state = State()
    for exchange in exchanges[:-MOST_EXCHANGES]:
        _note_calls(state, exchange)
    for exchange in exchanges[-MOST_EXCHANGES:-1]:
        now = read_now(exchange, request.now.tzinfo) or request.now
        action = Responder(language, now, state).next_action(exchange)
        _note_calls(state, exchange)
        if action is not None:
            state.pending = action.pending
            state.shown = action.shown if action.shown is not None else state.shown
        elif lists := [call for call in exchange.calls if call.name == "find_tasks" and call.rows]:
            # Another model answered this exchange; its last search is the list that it showed.
            state.pending, state.shown = None, lists[-1].rows
    action = Responder(language, request.now, state).next_action(exchanges[-1])
    return action or Action(say=language.say("unclear"))


def say_examples(language: Language) -> str:
    """Return all example sentences, one a line below the name of their group."""
    parts = [language.say("all_examples")]
    first = language.say("first_examples")
    for group, examples in sorted(language.list_examples().items(), key=lambda each: each[0] != first):
        parts.append("\n".join([f"**{group}**", *(f"- “{example}”" for example in examples)]))
    return "\n\n".join(parts)


class Responder:
    """Decides the next step after one message, given the state of its conversation."""

    def __init__(self, language: Language, now: datetime, state: State) -> None:
        self._language = language
        self._say = language.say
        self._state = state
        self._intents = Intents(language, now)
        self._replies = Replies(language, now)

    def next_action(self, exchange: Exchange) -> Action | None:
        """Return the step after the calls answered so far; None if these are not the calls of this model."""
        intent = self._read(exchange.text)
        calls = list(exchange.calls)
        if not intent.tool:
            return None if calls else self._talk(intent)
        if intent.target is not None and intent.aims not in intent.args:
            aimed = self._find_target(intent, intent.target, calls)
            if not isinstance(aimed, Intent):
                return aimed
            intent = aimed
        if intent.tool == "snooze_reminder" and "task_id" not in intent.args:
            aimed = self._find_fired_reminder(intent, calls)
            if not isinstance(aimed, Intent):
                return aimed
            intent = aimed
        if not calls:
            return Action(tool=intent.tool, args=intent.args)
        call = calls.pop(0)
        if call.name != intent.tool or calls:
            return None
        return self._conclude(intent, call)

    def _conclude(self, intent: Intent, call: AnsweredCall) -> Action:
        """Return what to say after the call that a message asked for."""
        said = self._replies.say_result(call, intent.heading)
        if call.failed:
            return Action(say=said)
        if intent.note:
            said += self._say(intent.note)
        if call.name == "plan_changes" and "change_id" not in call.data and (plan := call.data.get("plan_id")):
            # A plan waits for the person.
            return Action(say=said, pending=Intent(offered="apply_plan", args={"plan_id": plan}))
        return Action(say=said, shown=call.rows if call.name == "find_tasks" else None)

    def _read(self, text: str) -> Intent:
        """Return the intent of a message: the pending one that it answers, or one of its own."""
        pending = self._state.pending
        if pending is not None and pending.missing == "when" and self._intents.is_time(text):
            return self._intents.fill(pending, text)
        intent = self._intents.read(text)
        is_answer = intent.name in ("miss", "more") and not intent.tool
        if pending is not None and (is_answer or (intent.is_unasked and pending.missing in ("", "what"))):
            answered = self._answer_question(pending, text)
            if answered is not None:
                return answered
        return self._resolve_talk(intent)

    def _answer_question(self, pending: Intent, text: str) -> Intent | None:
        if pending.missing:
            return self._intents.fill(pending, text)
        shown = self._state.shown or []
        if self._intents.is_both(text):
            return _plan_all(pending, shown)
        target = self._intents.read_choice(text)
        if target.number:
            return replace(pending, target=target)
        low = target.text.casefold()
        matching = [row for row in shown if low and low in _title(row)]
        exact = [row for row in matching if _title(row) == low]
        chosen = exact if len(exact) == 1 else matching
        return _aim(pending, chosen[0]) if len(chosen) == 1 else None

    def _resolve_talk(self, intent: Intent) -> Intent:
        """Return an intent about the conversation itself, such as "more", with the call that it means, if any."""
        state = self._state
        match intent.name:
            case "redo" if state.undone:
                return replace(intent, tool="undo", args={"change_ids": [state.undone[-1]]})
            case "more" if state.next_page is not None:
                return replace(intent, tool="find_tasks", args=state.next_page)
            case "agree" if state.pending is not None and state.pending.offered:
                return replace(state.pending, tool=state.pending.offered, offered="", say="")
            case "agree" if state.unconfirmed is not None:
                return Intent(tool=state.unconfirmed.name, args=state.unconfirmed.args)
        return intent

    def _talk(self, intent: Intent) -> Action:
        if intent.say:
            return Action(say=intent.say, pending=intent if intent.missing or intent.offered else None)
        if intent.name == "help":
            return Action(say=say_examples(self._language))
        if intent.name == "decline":
            is_open = self._state.pending is not None or self._state.unconfirmed is not None
            return Action(say=self._say("left" if is_open else "nothing_pending"))
        if reply := self._language.find_reply(intent.name):
            return Action(say=self._say(reply))
        miss = self._say("miss")
        if title := intent.slots.get("what"):
            miss += " " + self._say("miss_add", text=title)
        return Action(say=miss)

    def _find_target(self, intent: Intent, target: Target, calls: list[AnsweredCall]) -> Intent | Action | None:
        """Return the intent with its task's id, or the step that has to come first.

        A search that was answered is taken off `calls`. Returns None if the first call is not that search.
        """
        if target.is_it:
            touched = self._state.touched
            return _aim(intent, touched) if touched else Action(say=self._say("no_it"))
        if target.number and self._state.shown is not None:
            shown = self._state.shown
            index = target.number - 1 if target.number > 0 else len(shown) - 1
            if not 0 <= index < len(shown):
                return Action(say=self._say("no_number", number=target.text), pending=replace(intent, target=None))
            return _aim(intent, shown[index])
        scope = intent.scope if target.number else {"text": target.text[:200], **intent.scope}
        if not calls:
            return Action(tool="find_tasks", args={**scope, "limit": _CHOICES})
        if calls[0].name != "find_tasks":
            return None
        return self._choose(intent, target, calls.pop(0))

    def _choose(self, intent: Intent, target: Target, search: AnsweredCall) -> Intent | Action:
        """Return the intent with the one task that was found; else ask which of several, or say that none was found."""
        if search.failed:
            return Action(say=self._replies.say_failure(search))
        rows = search.rows
        if not rows:
            return Action(say=self._say_none_found(intent, target, search))
        exact = [row for row in rows if _title(row) == target.text.casefold()]
        if not target.number and (len(rows) == 1 or len(exact) == 1):
            row = (exact or rows)[0]
            if is_certain(intent.caution, target.text, str(row.get("title", ""))):
                return _aim(intent, row)
            answer = intent.caution if intent.caution == "delete_it" else "is_that_it"
            offer = replace(_aim(intent, row), tool="", offered=intent.tool, caution="")
            return Action(say=self._say(answer, title=row.get("title", "")), pending=offer)
        question = self._say("which_list" if target.number else "which")
        listed = self._replies.say_list(search, "")
        return Action(say=f"{question}\n{listed}", shown=rows, pending=replace(intent, target=None))

    def _say_none_found(self, intent: Intent, target: Target, search: AnsweredCall) -> str:
        if target.number:
            return self._say("no_list")
        completed = [row.get("title") for row in search.data.get("also_completed_titles", []) if isinstance(row, dict)]
        if completed:
            titles = ", ".join(f"“{title}”" for title in completed)
            return self._say("none_found_completed", text=target.text, titles=titles)
        answer = "none_found_series" if intent.scope.get("kind") == "recurring" else "none_found"
        return self._say(answer, text=target.text)

    def _find_fired_reminder(self, intent: Intent, calls: list[AnsweredCall]) -> Intent | Action | None:
        """Return the intent with the reminder that rang last; else as `_find_target` does."""
        if not calls:
            return Action(tool="find_tasks", args={"limit": _RUNG})
        search = calls.pop(0)
        if search.name != "find_tasks":
            return None
        if search.failed:
            return Action(say=self._replies.say_failure(search))
        if search.data.get("next_cursor"):
            return Action(say=self._say("many_rung"))
        fired = [
            (str(reminder.get("remind_at")), str(reminder.get("id")))
            for row in search.rows
            for reminder in row.get("reminders", [])
            if reminder.get("status") == "fired"
        ]
        if not fired:
            return Action(say=self._say("no_rung"))
        return replace(intent, args={"reminder_id": max(fired)[1], **intent.args})


def _plan_all(pending: Intent, shown: list[Row]) -> Intent | None:
    """Return the plan that does the same to all tasks of a short list; None if the intent is not a change."""
    if not pending.tool.startswith(_CHANGES) or not 1 < len(shown) <= _MOST_BOTH:
        return None
    changes = [{"tool": pending.tool, "arguments": _aim(pending, row).args} for row in shown]
    return Intent(name="both", tool="plan_changes", args={"changes": changes})


def _title(row: Row) -> str:
    return str(row.get("title", "")).casefold()


def _aim(intent: Intent, row: Row) -> Intent:
    """Return the intent on the task of a row; if the person named a clock time only, the task keeps its day."""
    args = {intent.aims: row["id"], **intent.args}
    before = str(row.get("due_local", ""))
    if intent.keeps_day and len(before) >= 10:
        # "Make it 8" keeps the half of the day too.
        is_evening = intent.other_due[11:13] >= "12" <= before[11:13]
        args["due"] = before[:10] + (intent.other_due if is_evening else intent.args["due"])[10:]
    if intent.keeps_clock and len(before) > 10:
        args["due"] = intent.args["due"] + before[10:16]
    return replace(intent, target=None, args=args)


def _note_calls(state: State, exchange: Exchange) -> None:
    """Update a state by the answered calls of an exchange."""
    state.unconfirmed = None
    for call in exchange.calls:
        if call.failed:
            state.unconfirmed = call if "confirmation_required" in call.text[:200] else None
        elif call.name == "find_tasks":
            cursor = call.data.get("next_cursor")
            state.next_page = {**call.args, "cursor": cursor} if cursor else None
            # After a list of several tasks, "it" could be any of them.
            state.touched = call.rows[0] if len(call.rows) == 1 else None
        else:
            _note_write(state, call)


def _note_write(state: State, call: AnsweredCall) -> None:
    task = call.data.get("task") or (call.data if call.name == "get_task" else {})
    state.touched = task if "id" in task else state.touched
    if call.name == "undo":
        if call.args.get("change_ids"):
            state.undone = [change for change in state.undone if change not in call.args["change_ids"]]
        elif "change_id" in call.data:
            state.undone = [*state.undone, str(call.data["change_id"])]
    elif call.data.get("events"):
        # A new change ends what "redo" can bring back.
        state.undone = []
