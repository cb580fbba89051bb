"""The loop of one turn: ask the model, carry out its calls, until it has answered or a limit is reached."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from mcp import Client

from agent.account import asks_back, claims_change, list_done, say_done, say_failures
from agent.entries import AnswerEntry, Entry, ResultEntry, find_results, list_calls, read_arguments, write_messages
from agent.history import CUT, trim_history
from agent.messages import ChatModel, Finished, Message, ModelFailed, ModelRequest, Piece, Tool, ToolCall
from agent.prompt import LAST_STEP, write_prompt
from agent.toolbox import CallResult, call_tool, refuse_call
from agent.turn_events import CallFinished, CallStarted, ConfirmationWanted, Done, Failed, Text, TurnEvent
from agent.unconfirmed_calls import WaitingCall, short_code
from todo.errors import TodoError
from todo.requests.confirmations import ConfirmationView

log = logging.getLogger(__name__)

WAITS = "The program now asks the person, and repeats this call by itself when they agree."
"""What a model reads when a call waits for the person."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one turn: answers of the model (`steps`), calls, equal calls, seconds, and tokens of history."""

    steps: int = 12
    calls: int = 20
    repeats: int = 3
    seconds: float = 60.0
    history_tokens: int = 16_000
    message_characters: int = 20_000


class Journal(Protocol):
    """The journal of the turn; each method returns after the commit."""

    async def add(self, first: int, entries: Sequence[Entry]) -> None:
        """Append entries, numbered from `first`."""

    async def keep_call(self, call: WaitingCall) -> ConfirmationView:
        """Keep a call that waits for the person; return the question."""


class LimitReached(Exception):
    """A limit of the turn is reached; the message is a sentence for the person.

    `may_tell` is whether the model gets one last request, to say what was done.
    """

    def __init__(self, sentence: str, *, may_tell: bool = False) -> None:
        super().__init__(sentence)
        self.may_tell = may_tell


@dataclass(slots=True)
class TurnRun:
    """The loop of one turn; `run` emits events and returns `Done` or `Failed`.

    `stopped` is set when the listener is gone or the person stops the turn: the running call is finished and recorded,
    and nothing else begins.
    """

    turn_id: str
    message: str
    before: list[Message]
    model: ChatModel
    journal: Journal
    bounds: Bounds
    read_clock: Callable[[], Awaitable[datetime]]
    """Returns the time in the person's zone."""
    emit: Callable[[TurnEvent], None]
    client: Client | None = None
    tools: list[Tool] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    stateless: bool = False
    text: str = ""
    tokens: tuple[int, int] = (0, 0)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _now: datetime | None = None
    """The time of the turn: one for all its requests, so that each begins as the one before."""

    async def run(self) -> Done | Failed:
        """Run the turn to its end; raises only the errors of the journal."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.bounds.seconds
        try:
            while True:
                if (waiting := self._waiting_calls()) and not await self._carry_out(waiting, deadline):
                    return self._finish("waiting")
                if self.stopped.is_set():
                    return self._finish("stopped")
                if await self._ask_model(deadline):
                    return self._finish("stop")
        except ModelFailed as error:
            return self._fail(error.code, f"{error.sentence} {error.advice}", error.retry_after)
        except LimitReached as error:
            if error.may_tell and await self._tell_last(deadline):
                self.say(f"\n\n({error} I stopped there; ask again for the rest.)")
                return self._finish("stop")
            return self._fail("turn_limit", str(error))
        except TimeoutError:
            return self._fail("turn_limit", f"The turn took more than {self.bounds.seconds:g} seconds.")

    async def _ask_model(self, deadline: float) -> bool:
        """Ask for one answer and record it; return whether it is the last one."""
        answers = sum(isinstance(entry, AnswerEntry) for entry in self.entries)
        if answers >= self.bounds.steps:
            raise LimitReached(f"The model wanted more than {self.bounds.steps} steps.", may_tell=True)
        end, text = await self._request_answer(self.tools, deadline)
        if end is None:
            return False
        first = len(list_calls(self.entries)) + 1
        calls = tuple(
            ToolCall(f"{self.turn_id}-{number}", call.name, call.arguments)
            for number, call in enumerate(end.calls, first)
        )
        if not calls and not text.strip():
            text += self._fill_empty(end)
        await self.record(AnswerEntry(text, calls))
        if end.reason == "length":
            self.say("\n\n(Cut off: the model's answer was longer than it may be.)")
        elif end.reason == "content_filter":
            self.say("\n\n(Cut off: the model's server held the rest back.)")
        return not calls

    async def _request_answer(self, tools: Sequence[Tool], deadline: float) -> tuple[Finished | None, str]:
        """Ask for one answer; return its end, None if the turn was stopped, and its text."""
        self._now = now = self._now or await self.read_clock()
        turn = [Message("user", self.message), *write_messages(self.entries)]
        messages = trim_history(self.before, turn, self.bounds.history_tokens)
        notes = [CUT] if len(messages) < len(self.before) + len(turn) else []
        if self.tools and not tools:
            notes.append(LAST_STEP)
        start = len(self.text)
        # A blank line separates the texts of two answers.
        gap = "\n\n" if self.text and not self.text.endswith("\n") else ""
        end = await self._stream_answer(ModelRequest(write_prompt(now, notes), messages, tools, now), gap, deadline)
        return end, self.text[start:].removeprefix(gap)

    async def _tell_last(self, deadline: float) -> bool:
        """Let the model say what was done, in one last request without tools; return whether it did."""
        rest = refuse_call("not_carried_out", "Not begun: the turn has reached its limit.")
        if waiting := self._waiting_calls():
            await self.record(*(ResultEntry(call.call_id, rest.text, rest.result, failed=True) for _, call in waiting))
        try:
            end, text = await self._request_answer([], deadline)
        except (ModelFailed, TimeoutError):
            return False
        except TodoError:
            raise
        except Exception:
            log.exception("the last request of a turn failed")
            return False
        if end is None or not text.strip():
            return False
        await self.record(AnswerEntry(text))
        return not end.calls

    def _fill_empty(self, end: Finished) -> str:
        """Say what was done in the place of an empty answer, and return it; raises `ModelFailed` if nothing was."""
        if end.reason == "content_filter":
            raise ModelFailed("model_filtered", "The model's server held the answer back.", "Put it in other words.")
        done = list_done(self.entries, self.tools)
        if not done and end.reason != "length":
            raise ModelFailed("model_empty", "The model's answer was empty.", "Say it again.")
        self.say(("\n\n" if self.text and done else "") + say_done(done))
        return say_done(done)

    async def _stream_answer(self, request: ModelRequest, gap: str, deadline: float) -> Finished | None:
        """Emit the answer as it arrives; return its end, or None if the turn was stopped."""
        end: Finished | None = None
        async with asyncio.timeout_at(deadline):
            pieces = self.model.answer(request)
            stopping = asyncio.create_task(self.stopped.wait())
            next_piece: asyncio.Future[Piece | None] | None = None
            try:
                while end is None:
                    next_piece = asyncio.ensure_future(anext(pieces, None))
                    await asyncio.wait({next_piece, stopping}, return_when=asyncio.FIRST_COMPLETED)
                    if stopping.done():
                        return None
                    piece = next_piece.result()
                    if piece is None:
                        break
                    if isinstance(piece, Finished):
                        end = piece
                    elif piece.text:
                        self.say(gap + piece.text)
                        gap = ""
            finally:
                # A generator can be closed only when no task awaits its next piece.
                awaited: list[asyncio.Future[Any]] = [stopping] if next_piece is None else [stopping, next_piece]
                for future in awaited:
                    future.cancel()
                await asyncio.gather(*awaited, return_exceptions=True)
                if (close := getattr(pieces, "aclose", None)) is not None:
                    await close()
        if end is None or (end.calls and end.reason in ("length", "content_filter")):
            raise ModelFailed(
                "model_truncated",
                "The model's answer was cut off; nothing of its last step was carried out.",
                "Say it again.",
            )
        self.tokens = (self.tokens[0] + end.input_tokens, self.tokens[1] + end.output_tokens)
        return end

    def _waiting_calls(self) -> list[tuple[int, ToolCall]]:
        """Return the calls without a result, each with its number in the turn, from 1."""
        results = find_results(self.entries)
        return [(n, call) for n, call in enumerate(list_calls(self.entries), 1) if call.call_id not in results]

    async def _carry_out(self, calls: list[tuple[int, ToolCall]], deadline: float) -> bool:
        """Carry out calls one after another; return False if one of them waits for the person."""
        for index, (number, call) in enumerate(calls):
            if self.stopped.is_set():
                return True  # the journal shows the rest as not carried out
            if asyncio.get_running_loop().time() > deadline:
                raise LimitReached(f"The turn took more than {self.bounds.seconds:g} seconds.")
            if number > self.bounds.calls:
                raise LimitReached(f"The model wanted more than {self.bounds.calls} calls.", may_tell=True)
            if self._count_equal(call) > self.bounds.repeats:
                raise LimitReached("The model made the same call again and again.")
            arguments = read_arguments(call)
            self.emit(CallStarted(number, call.name, arguments or {}))
            if self.client is None:
                result = refuse_call("unknown_tool", "There are no tools here; answer in words.")
            elif arguments is None:
                result = refuse_call("invalid_arguments", "The arguments are not a JSON object; nothing was done.")
            else:
                result = _stop_at_question(await call_tool(self.client, self.tools, call.name, arguments, call.call_id))
            await self.record(ResultEntry(call.call_id, result.text, result.result, result.failed))
            self.emit(CallFinished(number, call.name, not result.failed, result.result))
            if result.code == "confirmation_required" and "confirmation_id" in result.result:
                skipped = refuse_call("not_carried_out", "Not begun: the person is asked about the call before.")
                if rest := [
                    ResultEntry(later.call_id, skipped.text, skipped.result, failed=True)
                    for _, later in calls[index + 1 :]
                ]:
                    await self.record(*rest)
                await self._ask_person(call, arguments or {}, result)
                return False
        return True

    def _count_equal(self, call: ToolCall) -> int:
        """Return how many calls up to this one, itself included, have its tool and arguments."""
        equal = 0
        for earlier in list_calls(self.entries):
            equal += (earlier.name, earlier.arguments) == (call.name, call.arguments)
            if earlier.call_id == call.call_id:
                break
        return equal

    async def _ask_person(self, call: ToolCall, arguments: dict[str, Any], refusal: CallResult) -> None:
        confirmation_id = str(refusal.result["confirmation_id"])
        summary = str(refusal.result.get("summary", refusal.text))
        question = await self.journal.keep_call(WaitingCall(confirmation_id, call.name, arguments, summary))
        total = question["total"]
        self.emit(
            ConfirmationWanted(
                confirmation_id,
                summary,
                expires_at=question["expires_at"],
                action=question["action"],
                items=question["items"],
                total=total,
            )
        )
        in_all = f" ({total} tasks in all)" if total > 1 else ""
        word = f"yes {short_code(confirmation_id)}" if self.stateless else "yes"
        gap = "\n\n" if self.text else ""
        self.say(f'{gap}{summary}{in_all}: do you agree? Answer "{word}"; anything else leaves all as it is.')

    async def record(self, *entries: Entry) -> None:
        """Append entries to the journal, before the next step begins."""
        await self.journal.add(len(self.entries), entries)
        self.entries.extend(entries)

    def say(self, text: str) -> None:
        """Emit more text of the answer, if there is any."""
        if not text:
            return
        self.text += text
        self.emit(Text(text))

    def _finish(self, finish: str) -> Done:
        if finish == "stop":
            self.say(self._say_honestly())
        return Done(self.turn_id, self.text, finish, *self.tokens)

    def _fail(self, code: str, sentence: str, retry_after: float | None = None) -> Failed:
        done = list_done(self.entries, self.tools)
        effect = f" Done before that: {say_done(done)}" if done else " Nothing was changed."
        failures = say_failures(self.entries, self.tools)
        detail = f"{sentence.strip()}{effect} {failures}".strip()
        return Failed(self.turn_id, code, detail, retry_after, done)

    def _say_honestly(self) -> str:
        """Return what the answer leaves out: writes that failed, or that nothing was changed if it says otherwise."""
        if failures := say_failures(self.entries, self.tools, self.text):
            return f"\n\n{failures}"
        if self.tools and not list_done(self.entries, self.tools) and not asks_back(self.message):
            said = "\n".join(entry.text for entry in self.entries if isinstance(entry, AnswerEntry))
            return "\n\nNothing was changed." if claims_change(said) else ""
        return ""


def _stop_at_question(result: CallResult) -> CallResult:
    """Return a call's result; where the person has to agree, with the one instruction that holds in a conversation."""
    if result.code != "confirmation_required" or "confirmation_id" not in result.result:
        return result
    sentence = str(result.result["message"]).removesuffix(str(result.result.get("hint", ""))).strip()
    told = {**result.result, "message": f"{sentence} {WAITS}", "hint": WAITS}
    return CallResult(f"{result.code}: {sentence} {WAITS}", told, failed=True)
