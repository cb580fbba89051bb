"""Where a turn's journal goes: into the database, or nowhere if the client keeps the conversation itself."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from agent.conversations import Asked, keep_call
from agent.journal import Entry, add_steps, require_running
from todo.errors import TodoError
from todo.record.views import View
from todo.record.work import Store, Who, Work
from todo.requests.confirmations import read_confirmation

ALIVE_SECONDS = 1.5
"""How often a turn that runs says so; a quarter of the time after which it counts as dead."""


@dataclass(frozen=True, slots=True)
class NoJournal:
    """Keeps nothing of a turn but a call that waits for the person."""

    store: Store
    who: Who
    conversation_id: str | None = None

    async def add(self, first: int, steps: list[Entry]) -> None:
        """Keep no entry."""

    async def ask(self, asked: Asked) -> View:
        """Keep a call that waits for the person; return the question."""

        def keep(work: Work) -> View:
            keep_call(work, self.conversation_id, asked)
            return read_confirmation(work, asked.confirmation_id)

        return await self.store.write(self.who, keep)

    async def stay_alive(self, _stop: Callable[[], None]) -> None:
        """Need no sign of life."""


@dataclass(frozen=True, slots=True)
class StoredJournal(NoJournal):
    """Keeps the journal of a turn, each entry committed before the next step."""

    turn_id: str = ""

    async def add(self, first: int, steps: list[Entry]) -> None:
        """Write entries, numbered from `first`; raises `ConversationNotFound`, `ConversationBusy`."""
        await self.store.write(self.who, lambda work: add_steps(work, self.turn_id, first, steps))

    async def stay_alive(self, stop: Callable[[], None]) -> None:
        """Say now and then that the turn runs, until cancelled; a fault here shows at the next entry.

        `stop` is called when somebody wants the turn to stop, in whatever process they said so.
        """
        while True:
            await asyncio.sleep(ALIVE_SECONDS)
            try:
                if await self.store.write(self.who, lambda work: require_running(work, self.turn_id)):
                    stop()
            except TodoError:
                continue
