"""The model's instances, each with the subtasks that stand below it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(eq=False)
class Step:
    """A subtask of an instance."""

    title: str
    status: str = "open"
    id: str = ""


@dataclass(eq=False)
class Instance:
    nominal: str
    due: str | None
    title: str
    id: str = ""
    status: str = "open"
    own_title: bool = False
    reopened: bool = False
    ended_at: datetime = datetime(1, 1, 2, tzinfo=UTC)
    skipped: bool = False
    steps: list[Step] = field(default_factory=list)
    own_steps: bool = False
    """Whether its subtasks were changed on it: then they stay when those of the series change."""

    @property
    def at(self) -> str:
        return self.due or self.nominal

    @property
    def living_steps(self) -> list[tuple[str, str]]:
        return [] if self.status == "gone" else sorted((each.title, each.status) for each in self.steps)

    def complete(self, now: datetime) -> None:
        self.status, self.ended_at = "completed", now
        for each in self.steps:
            each.status = "completed"
        self.own_steps |= bool(self.steps)

    def take_steps(self, titles: Sequence[str]) -> None:
        """Follow new subtasks of the series; those that it has already stay the same ones."""
        if self.own_steps:
            return
        kept = [each for each in self.steps if each.title in titles]
        known = {each.title for each in kept}
        self.steps = [*kept, *(Step(title) for title in titles if title not in known)]
