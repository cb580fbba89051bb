"""An intent: what a sentence asks for, as a tool call or as the question that has to come first."""

from dataclasses import dataclass, field
from typing import Any

Slots = dict[str, str]
"""The free parts of a sentence, by their names in the language file."""


@dataclass(frozen=True, slots=True)
class Target:
    """The task that a sentence names: by its number in a list (-1 is the last), by a pronoun, or by words."""

    text: str = ""
    number: int = 0
    is_it: bool = False

    @property
    def is_sure(self) -> bool:
        """Whether the text cannot be read as another part of the sentence."""
        return bool(self.number or self.is_it)


@dataclass(frozen=True, slots=True)
class Intent:
    """A tool call, on a task that has to be found first if there is a `target`; without a `tool`, a sentence to say."""

    name: str = ""
    """The intent's key in the language file; empty for a refusal, `miss` if no sentence fits."""
    slots: Slots = field(default_factory=dict)
    tool: str = ""
    args: dict[str, Any] = field(default_factory=dict)
    target: Target | None = None
    scope: dict[str, Any] = field(default_factory=dict)
    """Arguments of `find_tasks` that limit where the target is looked up."""
    heading: str = ""
    """The answer of the language file that heads the list."""
    say: str = ""
    missing: str = ""
    """The slot that `say` asks for; the person's next message may fill it."""
    offered: str = ""
    """The tool to call if the person agrees; `tool` is empty until then."""
    is_sure: bool = False
    """Whether the target cannot be confused with the rest of the sentence."""
    keeps_day: bool = False
    """Whether only the clock time of `due` is new, so that the task keeps its day."""
    other_due: str = ""
    """`due` in the other half of the day, if neither am nor pm was said."""
    keeps_clock: bool = False
    """Whether only the day of `due` is new, so that the task keeps its time of day."""
    caution: str = ""
    """When to ask before acting on a task that was found: an answer of the file to ask always, or `list`, `whole` or a
    verb, by which `is_certain` compares the words."""
    aims: str = "task_id"
    """The argument that takes the id of the task that was found."""
    note: str = ""
    """The answer that follows a success."""
    is_unasked: bool = False
    """Whether the sentence has no command and only reads like an errand, so that it may as well be an answer."""
