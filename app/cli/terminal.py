"""The chat in a terminal: the same conversation as on the page, line by line."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text as Line

from agent import conversations as kept
from agent.conversation import Conversation
from agent.turn_events import Begun, CallFinished, ConfirmationWanted, Done, Failed, Text, TurnEvent
from app.access.door import admit_program
from app.assistant import OFFLINE, build_conversation
from app.runtime import calm_collector
from app.service import Service, open_service
from app.settings import Settings
from todo.activity.feeds import list_notifications, newest_positions
from todo.errors import TodoError
from todo.record.work import Who

HELP = "/new begins another conversation · /history shows this one · /conversations lists all · /open ID · /quit"
_SHOWN = 60


async def talk(settings: Settings, message: str | None, conversation_id: str | None, model: str | None) -> bool:
    """Answer one message, or read messages until the input ends; return whether the last one was answered."""
    async with open_service(settings) as service:
        caller = await admit_program(service.door, settings.token)
        who = caller.make_who("person", "chat", "terminal")
        conversation = build_conversation(service)
        service.background.start(leading=settings.role == "all")
        calm_collector()
        terminal = Terminal(service, who, conversation, Console(highlight=False), conversation_id, model)
        try:
            return await (terminal.say(message) if message is not None else terminal.talk())
        finally:
            await conversation.close()
            await service.background.stop()


@dataclass(slots=True)
class Terminal:
    """One person's chat at one terminal."""

    service: Service
    who: Who
    conversation: Conversation
    console: Console
    conversation_id: str | None = None
    model: str | None = None
    _rung: int = 0
    _at_start: bool = True
    _waits: ConfirmationWanted | None = None

    async def talk(self) -> bool:
        """Read and answer line by line until the input ends."""
        answered = True
        name = self.model or next(iter(self.conversation.models))
        self.console.print(f"[bold]Evolution Todo[/bold]  {name}   [dim]{HELP}[/dim]")
        if name == OFFLINE:
            self.console.print("[dim]No language model is set: these are built-in commands. Say help for a list.[/dim]")
        self._rung = (await self.service.store.read(self.who, newest_positions))[0].last
        while (line := await self._read_line()) is not None:
            await self._show_reminders()
            if line.startswith("/"):
                if line in ("/quit", "/exit", "/q"):
                    break
                await self._obey(line)
            elif line:
                answered = await self.say(line)
        return answered

    async def say(self, message: str) -> bool:
        """Send one message and show the answer as it streams; return whether it was completed."""
        self._waits = None
        begun = Begun("", "", "")
        end: TurnEvent = begun
        try:
            with self._stop_on_interrupt(lambda: self.conversation.stop(begun.turn_id)):
                reply = self.conversation.reply(
                    self.who, message, conversation_id=self.conversation_id, model=self.model
                )
                async for end in reply:
                    if isinstance(end, Begun):
                        begun, self.conversation_id = end, end.conversation_id
                    else:
                        self._show(end)
        except TodoError as error:
            self.console.print(Line(f"✗ {error.text}", style="red"))
        return isinstance(end, Done)

    def _show(self, said: TurnEvent) -> None:
        if isinstance(said, Text):
            text = said.text.lstrip("\n") if self._at_start else said.text
            self.console.out(text, end="", highlight=False)
            self._at_start = text.endswith("\n") if text else self._at_start
            return
        if isinstance(said, ConfirmationWanted):
            self._waits = said
        if isinstance(said, CallFinished | Done | Failed) and not self._at_start:
            self.console.out("")
            self._at_start = True
        if isinstance(said, CallFinished):
            self._show_call(said)
        elif isinstance(said, Failed):
            self.console.print(Line(f"✗ {said.detail}", style="red"))
        elif isinstance(said, Done) and said.finish == "stopped":
            self.console.print("[dim](stopped)[/dim]")

    def _show_call(self, said: CallFinished) -> None:
        line = Line("  ▸ ", style="dim")
        line.append(f"{said.name}  {describe_call(said)}  ")
        line.append("✓" if said.ok else "✗", style="green" if said.ok else "red")
        self.console.print(line, no_wrap=True, overflow="ellipsis")

    async def _read_line(self) -> str | None:
        """Return the next line, stripped; None at the end of the input."""
        prompt = "yes or no > " if self._waits is not None else "> "
        if not sys.stdin.isatty():
            prompt = ""
        try:
            return (await asyncio.to_thread(input, prompt)).strip()
        except (EOFError, KeyboardInterrupt):
            return None

    async def _obey(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "/new":
            self.conversation_id = None
            self.console.print("[dim]A new conversation.[/dim]")
        elif word == "/open" and rest:
            self.conversation_id = rest.strip()
            await self._show_history()
        elif word == "/history":
            await self._show_history()
        elif word == "/conversations":
            view = await self.service.store.read(self.who, kept.list_conversations)
            for each in view["conversations"]:
                self.console.print(Line(f"  {each['id']}  {each['updated_at'][:16]}  {each['title']}"))
        else:
            self.console.print(f"[dim]{HELP}[/dim]")

    async def _show_history(self) -> None:
        if self.conversation_id is None:
            self.console.print("[dim]Nothing has been said yet.[/dim]")
            return
        wanted = self.conversation_id
        try:
            view = await self.service.store.read(self.who, lambda work: kept.read_conversation(work, wanted))
        except TodoError as error:
            self.conversation_id = None
            self.console.print(Line(f"✗ {error.text}", style="red"))
            return
        for each in view["messages"]:
            if each["role"] == "user":
                self.console.print(Line(f"> {each['text']}", style="bold"))
                continue
            for call in each.get("calls", []):
                mark = {True: "✓", False: "✗", None: "?"}[call["ok"]]
                self.console.print(Line(f"  ▸ {call['name']}  {mark}", style="dim"))
            self.console.print(Line(each["text"] or each.get("problem", "")))

    async def _show_reminders(self) -> None:
        """Show the reminders that fired since the last line."""
        rung = (await self.service.store.read(self.who, newest_positions))[0].last
        if rung == self._rung:
            return
        self._rung = rung
        view = await self.service.store.read(self.who, lambda work: list_notifications(work, 5))
        for each in reversed([one for one in view["notifications"] if not one["read"]]):
            self.console.print(Line(f"  ⏰ {each['text']}", style="yellow"))

    @contextmanager
    def _stop_on_interrupt(self, stop: Any) -> Iterator[None]:
        """Let Ctrl-C stop the answer instead of the program."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(signal.SIGINT, stop)
        try:
            yield
        finally:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(signal.SIGINT)


def describe_call(said: CallFinished) -> str:
    """Return in a few words what a call touched, or its refusal."""
    result = said.result
    if not said.ok:
        return str(result.get("message", result.get("code", "")))[:_SHOWN]
    task = result.get("task")
    if isinstance(task, dict):
        return " ".join(filter(None, (str(task.get("title", ""))[:_SHOWN], task.get("due_text", ""))))
    if isinstance(tasks := result.get("tasks"), list):
        return f"{result.get('total', len(tasks))} tasks"
    return str(result.get("message", json.dumps(result, ensure_ascii=False)))[:_SHOWN]
