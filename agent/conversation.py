"""The conversation service: answers a message with a stream of events and keeps a journal of every step."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.confirmation_reply import take_decision
from agent.entries import AnswerEntry, find_results, list_calls, read_arguments
from agent.errors import MessageTooLong, UnknownModel
from agent.journal import NoJournal, OpenedTurn, StoredJournal, end_turn, open_turn, request_stop
from agent.loop import Bounds, TurnRun
from agent.messages import ChatModel, Message, Tool
from agent.toolbox import Connect, list_tools
from agent.turn_events import Begun, CallFinished, CallStarted, Done, Failed, Text, TurnEvent
from events.ports import Ids
from todo.errors import InternalError, InvalidArguments, StorageUnavailable, TodoError
from todo.record.work import Store, Who

log = logging.getLogger(__name__)

LocalClock = Callable[[Who], Awaitable[datetime]]
"""Returns the time in a person's zone."""


@dataclass(slots=True)
class _Running:
    """A turn that runs in this process, and its events that are not read yet; None ends them."""

    conversation_id: str
    run: TurnRun
    events: asyncio.Queue[TurnEvent | None]
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Conversation:
    """Answers people with a model and the tools; the first of `models` is the default."""

    store: Store
    models: Mapping[str, ChatModel]
    connect: Connect
    read_clock: LocalClock
    ids: Ids
    disconnect: Callable[[], Awaitable[None]]
    bounds: Bounds = field(default_factory=Bounds)
    _tools: dict[frozenset[str], list[Tool]] = field(default_factory=dict)
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

        Without a `conversation_id` it begins a conversation. `chat_key` and `message_key` are a client's own ids of the
        conversation and the message. The same message again has no second effect: its events are repeated, or the turn
        is resumed if its process died. A caller that stops iterating stops the turn after its running call. Raises
        before the first yield: `ConversationNotFound`, `ConversationBusy`, `MessageTooLong`, `UnknownModel`,
        `InvalidArguments`.
        """
        name = self._choose(model)
        message = self._check(text)
        await self._await_stopped(conversation_id)
        opened = await self.store.write(
            who, lambda work: open_turn(work, conversation_id, chat_key, message_key, message, name)
        )
        yield Begun(opened.conversation_id, opened.turn_id, opened.model)
        if opened.state != "running":
            for event in _repeat_events(opened):
                yield event
            return
        caller = replace(who, kind="agent", origin=who.name_own(f"chat:{opened.conversation_id}"))
        journal = StoredJournal(self.store, caller, opened.conversation_id, opened.turn_id)
        running = self._prepare(opened.turn_id, message, opened.before, name, journal)
        running.run.entries = opened.entries
        answers = [entry for entry in opened.entries if isinstance(entry, AnswerEntry)]
        running.run.text = "\n\n".join(answer.text for answer in answers if answer.calls and answer.text)
        for event in _repeat_calls(opened):
            running.events.put_nowait(event)
        if opened.report:
            running.run.say(f"{opened.report}\n\n")
        ending = self._run(running.run, journal, after_question=opened.after_question)
        async for event in self._follow(running, ending):
            yield event

    async def reply_once(
        self, who: Who, messages: Sequence[Message], *, model: str | None = None, with_tools: bool = True
    ) -> AsyncIterator[TurnEvent]:
        """Answer the last of a client's messages without keeping a journal.

        A repeated request may repeat its effects. `with_tools=False` is for titles and tags. Raises as `reply` does.
        """
        name = self._choose(model)
        if not messages or messages[-1].role != "user":
            raise InvalidArguments("The last message has to be the person's.", "Send it last, with role user.")
        message = self._check(messages[-1].text)
        turn_id = self.ids.new()
        yield Begun("", turn_id, name)
        caller = replace(who, kind="agent", origin=who.name_own(f"chat:{who.client}" if who.client else "chat"))
        journal = NoJournal(self.store, caller)
        running = self._prepare(turn_id, message, list(messages[:-1]), name, journal)
        running.run.stateless = True
        ending = self._run(running.run, journal, after_question=True) if with_tools else running.run.run()
        async for event in self._follow(running, ending):
            yield event

    def stop(self, turn_id: str) -> bool:
        """Stop a turn after its running call; return whether it runs in this process."""
        running = self._running.get(turn_id)
        if running is not None:
            running.run.stopped.set()
        return running is not None

    async def stop_turn(self, who: Who, conversation_id: str) -> bool:
        """Stop a conversation's running turn after its running call, in any process; return whether a turn runs.

        A turn of this process stops at once, one of another process with its next heartbeat. Raises
        `ConversationNotFound`.
        """
        turn_id = await self.store.write(who, lambda work: request_stop(work, conversation_id))
        if turn_id is not None:
            self.stop(turn_id)
        return turn_id is not None

    def stop_all(self) -> None:
        """Stop every turn after its running call, so that the server can shut down."""
        for running in self._running.values():
            running.run.stopped.set()

    async def close(self) -> None:
        """Stop every turn, wait until each has recorded its end, and disconnect the tools."""
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
            raise InvalidArguments("The message holds characters that are not text.", "Leave them out.")
        return message

    def _prepare(self, turn_id: str, message: str, before: list[Message], model: str, journal: NoJournal) -> _Running:
        events: asyncio.Queue[TurnEvent | None] = asyncio.Queue()
        run = TurnRun(
            turn_id=turn_id,
            message=message,
            before=before,
            model=self.models[model],
            journal=journal,
            bounds=self.bounds,
            read_clock=lambda: self.read_clock(journal.who),
            emit=events.put_nowait,
        )
        return _Running(journal.conversation_id or "", run, events)

    async def _follow(self, running: _Running, ending: Awaitable[Done | Failed]) -> AsyncIterator[TurnEvent]:
        """Run a turn in a task of its own and yield its events until its end."""
        turn_id = running.run.turn_id
        running.task = asyncio.create_task(self._guard(running, ending))
        self._running[turn_id] = running
        running.task.add_done_callback(lambda _: self._running.pop(turn_id, None))
        try:
            while (event := await running.events.get()) is not None:
                yield event
        finally:
            running.run.stopped.set()

    async def _guard(self, running: _Running, ending: Awaitable[Done | Failed]) -> None:
        """Put a turn's end into its events; an error becomes `Failed`."""
        turn_id = running.run.turn_id
        try:
            end = await ending
        except TodoError as error:
            end = Failed(turn_id, error.code, error.text)
        except Exception:
            log.exception("a turn failed")
            end = Failed(turn_id, InternalError.code, InternalError().text)
        running.events.put_nowait(end)
        running.events.put_nowait(None)

    async def _run(self, run: TurnRun, journal: NoJournal, *, after_question: bool) -> Done | Failed:
        """Run a turn and record its end; `after_question` says that a plain yes may answer a question."""
        heartbeats = asyncio.create_task(journal.send_heartbeats(run.stopped.set))
        try:
            decided = await self._take_decision(run, journal) if after_question and not run.entries else None
            end = decided or await self._run_with_tools(run, journal.who)
        except Exception:
            await self._record_end(run, journal, Failed(run.turn_id, InternalError.code, InternalError().text))
            raise
        finally:
            heartbeats.cancel()
        await self._record_end(run, journal, end)
        return end

    async def _run_with_tools(self, run: TurnRun, who: Who) -> Done | Failed:
        async with self.connect(who) as client:
            # Which tools there are depends on what the caller may do.
            if who.scopes not in self._tools:
                self._tools[who.scopes] = await list_tools(client)
            run.client, run.tools = client, self._tools[who.scopes]
            return await run.run()

    async def _take_decision(self, run: TurnRun, journal: NoJournal) -> Done | None:
        taken = await take_decision(self.store, journal.who, journal.conversation_id, run.message, run.turn_id)
        if isinstance(taken, str):
            run.say(taken)
            return Done(run.turn_id, run.text)
        if taken is not None:
            await run.record(taken)
        return None

    async def _record_end(self, run: TurnRun, journal: NoJournal, end: Done | Failed) -> None:
        if not isinstance(journal, StoredJournal):
            return
        if isinstance(end, Failed):
            state, problem = "failed", end.detail
        else:
            state, problem = "done" if end.finish == "stop" else end.finish, None
        try:
            await self.store.write(
                journal.who, lambda work: end_turn(work, run.turn_id, state, run.text, problem, run.tokens)
            )
        except StorageUnavailable:
            log.warning("the end of a turn could not be recorded; it will be found interrupted")

    async def _await_stopped(self, conversation_id: str | None) -> None:
        """Wait until the turns of this conversation that are stopping have ended; the next message comes after them."""
        ending = [
            running.task
            for running in self._running.values()
            if running.conversation_id == conversation_id and running.run.stopped.is_set() and running.task is not None
        ]
        if ending:
            await asyncio.wait(ending)


def _repeat_events(opened: OpenedTurn) -> list[TurnEvent]:
    """Return the events of a turn that is over."""
    events = _repeat_calls(opened)
    if opened.text:
        events.append(Text(opened.text))
    if opened.state == "failed":
        events.append(Failed(opened.turn_id, "turn_failed", opened.problem or "The turn failed."))
    else:
        events.append(Done(opened.turn_id, opened.text, "stop" if opened.state == "done" else opened.state))
    return events


def _repeat_calls(opened: OpenedTurn) -> list[TurnEvent]:
    """Return the events of the calls of a turn that have a result."""
    events: list[TurnEvent] = []
    results = find_results(opened.entries)
    for number, call in enumerate(list_calls(opened.entries), 1):
        if (entry := results.get(call.call_id)) is not None:
            events.append(CallStarted(number, call.name, read_arguments(call) or {}))
            events.append(CallFinished(number, call.name, not entry.failed, entry.result))
    return events
