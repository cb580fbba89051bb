"""One turn: the model is asked, its calls are carried out, until it has answered or a bound is met."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from mcp import Client

from agent.conversations import Asked, short_code
from agent.history import trim_history
from agent.journal import Entry, make_result, read_object, tell_steps
from agent.messages import ChatModel, Finished, Message, ModelFailed, ModelRequest, Piece, Tool, ToolCall
from agent.prompt import write_prompt
from agent.toolbox import CallResult, call_tool, refuse_call
from agent.turn_events import CallFinished, CallStarted, ConfirmationWanted, Done, Failed, Text, TurnEvent
from todo.record.views import View


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one turn may take: answers of the model, calls, equal calls, seconds; and tokens of history."""

    steps: int = 12
    calls: int = 20
    repeats: int = 3
    seconds: float = 60.0
    history_tokens: int = 16_000
    message_characters: int = 20_000


class Keeper(Protocol):
    """Where a turn's journal goes; each of these returns after the commit."""

    async def add(self, first: int, steps: list[Entry]) -> None:
        """Write entries, numbered from `first`."""

    async def ask(self, asked: Asked) -> View:
        """Keep a call that waits for the person; return the question."""


class LimitMet(Exception):
    """A bound of the turn is met: its name, and a sentence."""


@dataclass(slots=True)
class TurnRun:
    """The loop of one turn; `run` tells what happens and ends with `Done` or `Failed`.

    `stopped` is set when nobody listens any more, or the person stops: the call that runs is finished and recorded,
    nothing else begins.
    """

    turn_id: str
    message: str
    before: list[Message]
    model: ChatModel
    keeper: Keeper
    bounds: Bounds
    look: Callable[[], Awaitable[datetime]]
    tell: Callable[[TurnEvent], None]
    client: Client | None = None
    tools: list[Tool] = field(default_factory=list)
    steps: list[Entry] = field(default_factory=list)
    stateless: bool = False
    text: str = ""
    tokens: tuple[int, int] = (0, 0)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> Done | Failed:
        """Carry the turn to its end; raises only what the keeper raises."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.bounds.seconds
        try:
            while True:
                if (waiting := self._waiting_calls()) and not await self._carry_out(waiting, until):
                    return self._finish("waiting")
                if self.stopped.is_set():
                    return self._finish("stopped")
                if await self._ask_model(until):
                    return self._finish("stop")
        except ModelFailed as error:
            return self._fail(error.code, f"{error.sentence} {error.advice}", error.retry_after)
        except LimitMet as error:
            return self._fail("turn_limit", str(error))
        except TimeoutError:
            return self._fail("turn_limit", f"The turn took more than {self.bounds.seconds:g} seconds.")

    async def _ask_model(self, until: float) -> bool:
        """Ask for one answer and record it; return whether it is the last one."""
        answers = sum(step.kind == "answer" for step in self.steps)
        if answers >= self.bounds.steps:
            raise LimitMet(f"The model wanted more than {self.bounds.steps} steps.")
        now = await self.look()
        said = trim_history(
            self.before, [Message("user", self.message), *tell_steps(self.steps)], self.bounds.history_tokens
        )
        request = ModelRequest(write_prompt(now), said, self.tools, now)
        begun = len(self.text)
        # What an earlier step said stands apart from this one.
        gap = "\n\n" if self.text and not self.text.endswith("\n") else ""
        end = await self._listen(request, gap, until)
        if end is None:
            return False
        text = self.text[begun:].removeprefix(gap)
        made = sum(len(step.payload["calls"]) for step in self.steps if step.kind == "answer")
        calls = [
            {"call_id": f"{self.turn_id}-{made + n}", "name": call.name, "arguments": call.arguments}
            for n, call in enumerate(end.calls, 1)
        ]
        await self.record(Entry("answer", {"text": text, "calls": calls}))
        if end.reason == "length":
            self.say("\n\n(Cut off: the model's answer was longer than it may be.)")
        return not calls

    async def _listen(self, request: ModelRequest, gap: str, until: float) -> Finished | None:
        """Pass the answer on as it comes; return its end, or nothing if the person stopped it."""
        end: Finished | None = None
        async with asyncio.timeout_at(until):
            pieces = self.model.answer(request)
            stopping = asyncio.create_task(self.stopped.wait())
            coming: asyncio.Future[Piece | None] | None = None
            try:
                while end is None:
                    coming = asyncio.ensure_future(anext(pieces, None))
                    await asyncio.wait({coming, stopping}, return_when=asyncio.FIRST_COMPLETED)
                    if stopping.done():
                        return None
                    piece = coming.result()
                    if piece is None:
                        break
                    if isinstance(piece, Finished):
                        end = piece
                    elif piece.text:
                        self.say(gap + piece.text)
                        gap = ""
            finally:
                # A generator can only be closed when nobody waits for its next piece.
                waiting: list[asyncio.Future[Any]] = [stopping] if coming is None else [stopping, coming]
                for each in waiting:
                    each.cancel()
                await asyncio.gather(*waiting, return_exceptions=True)
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
        """Return the calls without a result, each with its place in the turn, from 1."""
        results = {step.payload["call_id"] for step in self.steps if step.kind == "result"}
        calls = [ToolCall(**call) for step in self.steps if step.kind == "answer" for call in step.payload["calls"]]
        return [(n, call) for n, call in enumerate(calls, 1) if call.call_id not in results]

    async def _carry_out(self, calls: list[tuple[int, ToolCall]], until: float) -> bool:
        """Carry calls out one after another; return False if one of them waits for the person."""
        for place, (number, call) in enumerate(calls):
            if self.stopped.is_set():
                return True  # what has not begun is told as not carried out
            if asyncio.get_running_loop().time() > until:
                raise LimitMet(f"The turn took more than {self.bounds.seconds:g} seconds.")
            if number > self.bounds.calls:
                raise LimitMet(f"The model wanted more than {self.bounds.calls} calls.")
            if self._count_equal(call) > self.bounds.repeats:
                raise LimitMet(f"The model made the same call to {call.name[:60]} again and again.")
            arguments = read_object(call.arguments)
            self.tell(CallStarted(number, call.name, arguments or {}))
            if self.client is None:
                outcome = refuse_call("unknown_tool", "There are no tools here; answer in words.")
            elif arguments is None:
                outcome = refuse_call("invalid_arguments", "The arguments are no JSON object; nothing was done.")
            else:
                outcome = await call_tool(self.client, self.tools, call.name, arguments, call.call_id)
            await self.record(make_result(call.call_id, outcome.text, outcome.result, failed=outcome.failed))
            self.tell(CallFinished(number, call.name, not outcome.failed, outcome.result))
            if outcome.code == "confirmation_required" and "confirmation_id" in outcome.result:
                rest = [
                    make_result(each.call_id, held.text, held.result, failed=True)
                    for _, each in calls[place + 1 :]
                    for held in [
                        refuse_call("not_carried_out", "Not begun: the person is asked about the call before.")
                    ]
                ]
                if rest:
                    await self.record(*rest)
                await self._ask_person(call, arguments or {}, outcome)
                return False
        return True

    def _count_equal(self, call: ToolCall) -> int:
        equal = 0
        for step in self.steps:
            for each in step.payload["calls"] if step.kind == "answer" else []:
                equal += (each["name"], each["arguments"]) == (call.name, call.arguments)
                if each["call_id"] == call.call_id:
                    return equal
        return equal

    async def _ask_person(self, call: ToolCall, arguments: dict[str, Any], outcome: CallResult) -> None:
        result = outcome.result
        confirmation_id, summary = str(result["confirmation_id"]), str(result.get("summary", outcome.text))
        asked = Asked(confirmation_id, call.name, arguments, summary)
        question = await self.keeper.ask(asked)
        told = {name: question[name] for name in ("expires_at", "action", "items", "total")}
        self.tell(ConfirmationWanted(confirmation_id, summary, **told))
        word = f"yes {short_code(confirmation_id)}" if self.stateless else "yes"
        gap = "\n\n" if self.text else ""
        self.say(f'{gap}{summary}: do you agree? Answer "{word}"; anything else leaves all as it is.')

    async def record(self, *steps: Entry) -> None:
        """Write entries of the journal; what follows them has not begun yet."""
        await self.keeper.add(len(self.steps), list(steps))
        self.steps.extend(steps)

    def say(self, text: str) -> None:
        """Tell more text of the answer."""
        self.text += text
        self.tell(Text(text))

    def _finish(self, finish: str) -> Done:
        if finish == "stop" and (missing := self._tell_failures()):
            self.say(missing)
        return Done(self.turn_id, self.text, finish, *self.tokens)

    def _fail(self, code: str, sentence: str, retry_after: float | None = None) -> Failed:
        done = self._list_done()
        told = f" Done before that: {' '.join(done)}" if done else " Nothing was changed."
        return Failed(self.turn_id, code, f"{sentence.strip()}{told}", retry_after, done)

    def _list_done(self) -> list[str]:
        writes = {tool.name for tool in self.tools if tool.writes}
        names = self._names()
        return [
            str(step.payload["result"].get("message", names[step.payload["call_id"]]))
            for step in self.steps
            if step.kind == "result" and not step.payload["failed"] and names[step.payload["call_id"]] in writes
        ]

    def _tell_failures(self) -> str:
        """Return a line on the writes that failed and were not made good, unless the answer says it already."""
        writes = {tool.name for tool in self.tools if tool.writes}
        names = self._names()
        failed: dict[str, str] = {}
        for step in self.steps:
            if step.kind != "result" or (name := names[step.payload["call_id"]]) not in writes:
                continue
            if step.payload["failed"]:
                failed[name] = str(step.payload["result"].get("message", step.payload["text"]))
            else:
                failed.pop(name, None)
        left = [f"{name} ({said})" for name, said in failed.items() if said.split(". ")[0] not in self.text]
        return f"\n\nNot done: {'; '.join(left)}" if left else ""

    def _names(self) -> dict[str, str]:
        return {
            call["call_id"]: call["name"]
            for step in self.steps
            if step.kind == "answer"
            for call in step.payload["calls"]
        }
