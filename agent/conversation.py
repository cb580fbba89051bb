"""The conversation: a message goes in, what is said and done comes out, and every step of it is kept."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.confirmation_reply import take_decision
from agent.errors import MessageTooLong, UnknownModel
from agent.journal import Opened, end_turn, open_turn, tell_steps, view_calls, want_stop
from agent.keepers import NoJournal, StoredJournal
from agent.loop import Bounds, TurnRun
from agent.messages import ChatModel, Message, Tool
from agent.toolbox import Connect, list_tools
from agent.turn_events import Begun, CallFinished, CallStarted, Done, Failed, Text, TurnEvent
from events.ports import Ids
from todo.errors import InternalError, InvalidArguments, StorageUnavailable, TodoError
from todo.record.work import Store, Who

log = logging.getLogger(__name__)

Look = Callable[[Who], Awaitable[datetime]]
"""Tells the time in a person's zone."""


@dataclass(slots=True)
class _Running:
    """A turn that runs here, and what it has told that nobody has read yet."""

    conversation_id: str
    run: TurnRun
    said: asyncio.Queue[TurnEvent | None]
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Conversation:
    """Answers people with a model and the tools; the first of `models` is the one that answers if none is named."""

    store: Store
    models: Mapping[str, ChatModel]
    connect: Connect
    look: Look
    ids: Ids
    disconnect: Callable[[], Awaitable[None]]
    bounds: Bounds = field(default_factory=Bounds)
    _tools: list[Tool] = field(default_factory=list)
    _running: dict[str, _Running] = field(default_factory=dict)

    async def reply(
        self,
        who: Who,
        text: str,
        *,
        conversation_id: str | None = None,
        chat_key: str | None = None,
        message_key: str | None = None,
        model: str | None = None,
    ) -> AsyncIterator[TurnEvent]:
        """Answer a message; yields `Begun` first, `Done` or `Failed` last.

        Without a conversation it begins one. `chat_key` and `message_key` are a client's own ids of the conversation
        and the message: the same message again has no second effect, it is told what was answered, or gone on with if
        its process had died. Whoever stops iterating stops the turn, after the call that runs. Raises before the first
        yield: `ConversationNotFound`, `ConversationBusy`, `MessageTooLong`, `UnknownModel`, `InvalidArguments`.
        """
        name = self._choose(model)
        message = self._check(text)
        await self._await_stopped(conversation_id)
        opened = await self.store.write(
            who, lambda work: open_turn(work, conversation_id, chat_key, message_key, message, name)
        )
        yield Begun(opened.conversation_id, opened.turn_id, opened.model)
        if opened.state != "running":
            for each in _retell(opened):
                yield each
            return
        caller = replace(who, kind="agent", origin=f"chat:{opened.conversation_id}")
        keeper = StoredJournal(self.store, caller, opened.conversation_id, opened.turn_id)
        running = self._prepare(opened.turn_id, message, opened.before, name, keeper)
        running.run.steps = opened.steps
        running.run.text = "\n\n".join(each.text for each in tell_steps(opened.steps) if each.calls and each.text)
        for each in _retell_calls(opened):
            running.said.put_nowait(each)
        if opened.report:
            running.run.say(f"{opened.report}\n\n")
        async for each in self._follow(running, self._carry(running.run, keeper, asked=opened.after_question)):
            yield each

    async def reply_once(
        self, who: Who, said: Sequence[Message], *, model: str | None = None, with_tools: bool = True
    ) -> AsyncIterator[TurnEvent]:
        """Answer the last of the messages that a client has sent, and keep nothing of it.

        Nothing protects a repeated request here. `with_tools=False` is for titles and tags. Raises as `reply` does.
        """
        name = self._choose(model)
        if not said or said[-1].role != "user":
            raise InvalidArguments("The last message has to be the person's.", "Send it last, with role user.")
        message = self._check(said[-1].text)
        turn_id = self.ids.new()
        yield Begun("", turn_id, name)
        caller = replace(who, kind="agent", origin=f"chat:{who.client}" if who.client else "chat")
        keeper = NoJournal(self.store, caller)
        running = self._prepare(turn_id, message, list(said[:-1]), name, keeper)
        running.run.stateless = True
        carrying = self._carry(running.run, keeper, asked=True) if with_tools else running.run.run()
        async for each in self._follow(running, carrying):
            yield each

    def stop(self, turn_id: str) -> bool:
        """Stop a turn after its present call; return whether it runs in this process."""
        running = self._running.get(turn_id)
        if running is not None:
            running.run.stopped.set()
        return running is not None

    async def stop_turn(self, who: Who, conversation_id: str) -> bool:
        """Stop what runs in a conversation after its present call, in whatever process; return whether anything does.

        Here at once, elsewhere at that turn's next sign of life. Raises `ConversationNotFound`.
        """
        turn_id = await self.store.write(who, lambda work: want_stop(work, conversation_id))
        if turn_id is not None:
            self.stop(turn_id)
        return turn_id is not None

    def stop_all(self) -> None:
        """Stop every turn after its present call, so that the server can end."""
        for running in self._running.values():
            running.run.stopped.set()

    async def close(self) -> None:
        """Stop every turn, wait until each has recorded what it did, and let the tools go."""
        tasks = [running.task for running in self._running.values() if running.task is not None]
        self.stop_all()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.disconnect()

    def _choose(self, model: str | None) -> str:
        name = model or next(iter(self.models))
        if name not in self.models:
            raise UnknownModel(f"There is no model {name[:60]!r} here.", f"There are: {', '.join(self.models)}.")
        return name

    def _check(self, text: str) -> str:
        message = text.strip()
        if not message:
            raise InvalidArguments("The message is empty.", "Write what you want to be done.")
        if len(message) > self.bounds.message_characters:
            raise MessageTooLong(
                f"The message is longer than {self.bounds.message_characters} characters.", "Send a shorter one."
            )
        if "\0" in message or any("\ud800" <= character <= "\udfff" for character in message):
            raise InvalidArguments("The message holds characters that are no text.", "Leave them out.")
        return message

    def _prepare(self, turn_id: str, message: str, before: list[Message], model: str, keeper: NoJournal) -> _Running:
        said: asyncio.Queue[TurnEvent | None] = asyncio.Queue()
        run = TurnRun(
            turn_id=turn_id,
            message=message,
            before=before,
            model=self.models[model],
            keeper=keeper,
            bounds=self.bounds,
            look=lambda: self.look(keeper.who),
            tell=said.put_nowait,
        )
        return _Running(keeper.conversation_id or "", run, said)

    async def _follow(self, running: _Running, carrying: Awaitable[Done | Failed]) -> AsyncIterator[TurnEvent]:
        """Run a turn in a task of its own and yield what it tells, until its end."""
        turn_id = running.run.turn_id
        running.task = asyncio.create_task(self._guard(running, carrying))
        self._running[turn_id] = running
        running.task.add_done_callback(lambda _: self._running.pop(turn_id, None))
        try:
            while (said := await running.said.get()) is not None:
                yield said
        finally:
            running.run.stopped.set()

    async def _guard(self, running: _Running, carrying: Awaitable[Done | Failed]) -> None:
        turn_id = running.run.turn_id
        try:
            end = await carrying
        except TodoError as error:
            end = Failed(turn_id, error.code, error.text)
        except Exception:
            log.exception("a turn failed")
            end = Failed(turn_id, InternalError.code, InternalError().text)
        running.said.put_nowait(end)
        running.said.put_nowait(None)

    async def _carry(self, run: TurnRun, keeper: NoJournal, *, asked: bool) -> Done | Failed:
        """Carry a turn out and record its end; `asked` says that a plain yes may be meant for a question."""
        alive = asyncio.create_task(keeper.stay_alive(run.stopped.set))
        try:
            decided = await self._take_decision(run, keeper) if asked and not run.steps else None
            end = decided or await self._run_with_tools(run, keeper.who)
        except Exception:
            await self._record_end(run, keeper, Failed(run.turn_id, InternalError.code, InternalError().text))
            raise
        finally:
            alive.cancel()
        await self._record_end(run, keeper, end)
        return end

    async def _run_with_tools(self, run: TurnRun, who: Who) -> Done | Failed:
        async with self.connect(who) as client:
            if not self._tools:
                self._tools = await list_tools(client)
            run.client, run.tools = client, self._tools
            return await run.run()

    async def _take_decision(self, run: TurnRun, keeper: NoJournal) -> Done | None:
        taken = await take_decision(self.store, keeper.who, keeper.conversation_id, run.message, run.turn_id)
        if isinstance(taken, str):
            run.say(taken)
            return Done(run.turn_id, run.text)
        if taken is not None:
            await run.record(taken)
        return None

    async def _record_end(self, run: TurnRun, keeper: NoJournal, end: Done | Failed) -> None:
        if not isinstance(keeper, StoredJournal):
            return
        if isinstance(end, Failed):
            state, problem = "failed", end.detail
        else:
            state, problem = "done" if end.finish == "stop" else end.finish, None
        try:
            await self.store.write(
                keeper.who, lambda work: end_turn(work, run.turn_id, state, run.text, problem, run.tokens)
            )
        except StorageUnavailable:
            log.warning("the end of a turn could not be recorded; it will be found interrupted")

    async def _await_stopped(self, conversation_id: str | None) -> None:
        """Wait for a turn of this conversation that was told to stop: the next message comes after it."""
        ending = [
            running.task
            for running in self._running.values()
            if running.conversation_id == conversation_id and running.run.stopped.is_set() and running.task is not None
        ]
        if ending:
            await asyncio.wait(ending)


def _retell(opened: Opened) -> list[TurnEvent]:
    """Return what was told of a turn that is over."""
    said = _retell_calls(opened)
    if opened.text:
        said.append(Text(opened.text))
    if opened.state == "failed":
        said.append(Failed(opened.turn_id, "turn_failed", opened.problem or "The turn failed."))
    else:
        said.append(Done(opened.turn_id, opened.text, "stop" if opened.state == "done" else opened.state))
    return said


def _retell_calls(opened: Opened) -> list[TurnEvent]:
    """Return the calls of a turn that have their result."""
    said: list[TurnEvent] = []
    for number, call in enumerate(view_calls(opened.steps), 1):
        if call["ok"] is not None:
            said.append(CallStarted(number, call["name"], call["arguments"]))
            said.append(CallFinished(number, call["name"], call["ok"], call["result"]))
    return said
