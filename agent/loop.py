"""The loop of one turn: ask the model, carry out its calls, until it has answered or a limit is reached."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from mcp import Client

from agent.entries import AnswerEntry, Entry, ResultEntry, find_results, list_calls, read_arguments, write_messages
from agent.history import trim_history
from agent.messages import ChatModel, Finished, Message, ModelFailed, ModelRequest, Piece, Tool, ToolCall
from agent.prompt import write_prompt
from agent.toolbox import CallResult, call_tool, refuse_call
from agent.turn_events import CallFinished, CallStarted, ConfirmationWanted, Done, Failed, Text, TurnEvent
from agent.unconfirmed_calls import WaitingCall, short_code
from todo.requests.confirmations import ConfirmationView


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
    """A limit of the turn is reached; the message is a sentence for the person."""


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
            return self._fail("turn_limit", str(error))
        except TimeoutError:
            return self._fail("turn_limit", f"The turn took more than {self.bounds.seconds:g} seconds.")

    async def _ask_model(self, deadline: float) -> bool:
        """Ask for one answer and record it; return whether it is the last one."""
        answers = sum(isinstance(entry, AnswerEntry) for entry in self.entries)
        if answers >= self.bounds.steps:
            raise LimitReached(f"The model wanted more than {self.bounds.steps} steps.")
        now = await self.read_clock()
        turn = [Message("user", self.message), *write_messages(self.entries)]
        messages = trim_history(self.before, turn, self.bounds.history_tokens)
        request = ModelRequest(write_prompt(now), messages, self.tools, now)
        start = len(self.text)
        # A blank line separates the texts of two answers.
        gap = "\n\n" if self.text and not self.text.endswith("\n") else ""
        end = await self._stream_answer(request, gap, deadline)
        if end is None:
            return False
        text = self.text[start:].removeprefix(gap)
        first = len(list_calls(self.entries)) + 1
        calls = tuple(
            ToolCall(f"{self.turn_id}-{number}", call.name, call.arguments)
            for number, call in enumerate(end.calls, first)
        )
        await self.record(AnswerEntry(text, calls))
        if end.reason == "length":
            self.say("\n\n(Cut off: the model's answer was longer than it may be.)")
        return not calls

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
                raise LimitReached(f"The model wanted more than {self.bounds.calls} calls.")
            if self._count_equal(call) > self.bounds.repeats:
                raise LimitReached(f"The model made the same call to {call.name[:60]} again and again.")
            arguments = read_arguments(call)
            self.emit(CallStarted(number, call.name, arguments or {}))
            if self.client is None:
                result = refuse_call("unknown_tool", "There are no tools here; answer in words.")
            elif arguments is None:
                result = refuse_call("invalid_arguments", "The arguments are not a JSON object; nothing was done.")
            else:
                result = await call_tool(self.client, self.tools, call.name, arguments, call.call_id)
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
        self.emit(
            ConfirmationWanted(
                confirmation_id,
                summary,
                expires_at=question["expires_at"],
                action=question["action"],
                items=question["items"],
                total=question["total"],
            )
        )
        word = f"yes {short_code(confirmation_id)}" if self.stateless else "yes"
        gap = "\n\n" if self.text else ""
        self.say(f'{gap}{summary}: do you agree? Answer "{word}"; anything else leaves all as it is.')

    async def record(self, *entries: Entry) -> None:
        """Append entries to the journal, before the next step begins."""
        await self.journal.add(len(self.entries), entries)
        self.entries.extend(entries)

    def say(self, text: str) -> None:
        """Emit more text of the answer."""
        self.text += text
        self.emit(Text(text))

    def _finish(self, finish: str) -> Done:
        if finish == "stop" and (missing := self._say_failures()):
            self.say(missing)
        return Done(self.turn_id, self.text, finish, *self.tokens)

    def _fail(self, code: str, sentence: str, retry_after: float | None = None) -> Failed:
        done = [
            str(entry.result.get("message", name)) for name, entry in self._list_write_results() if not entry.failed
        ]
        effect = f" Done before that: {' '.join(done)}" if done else " Nothing was changed."
        return Failed(self.turn_id, code, f"{sentence.strip()}{effect}", retry_after, done)

    def _say_failures(self) -> str:
        """Return a line about failed writes that no later call of the tool made good, unless the answer names them."""
        failed: dict[str, str] = {}
        for name, entry in self._list_write_results():
            if entry.failed:
                failed[name] = str(entry.result.get("message", entry.text))
            else:
                failed.pop(name, None)
        left = [f"{name} ({message})" for name, message in failed.items() if message.split(". ")[0] not in self.text]
        return f"\n\nNot done: {'; '.join(left)}" if left else ""

    def _list_write_results(self) -> list[tuple[str, ResultEntry]]:
        """Return the results of writing tools, each with its tool's name."""
        writes = {tool.name for tool in self.tools if tool.writes}
        names = {call.call_id: call.name for call in list_calls(self.entries)}
        return [
            (names[entry.call_id], entry)
            for entry in self.entries
            if isinstance(entry, ResultEntry) and names[entry.call_id] in writes
        ]
