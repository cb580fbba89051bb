"""A task as a file describes it, before anything of it is checked against our own rules."""

from dataclasses import dataclass, field, replace

from todo.errors import InvalidArguments

MOST_DRAFTS = 100_000
"""Tasks of one file."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One task of a file: `line` is where it stands, `source` names it within the file, `parent` its parent's source.

    `due` is a date, a local time or an instant. `rule` is an RRULE, `repeat` a repetition in words. `reminders` are as
    `create_task` takes them. `created_at` and `completed_at` are instants; a task with the latter is done.
    """

    line: int
    title: str
    source: str = ""
    notes: str = ""
    due: str = ""
    zone: str = ""
    priority: str = "none"
    tags: tuple[str, ...] = ()
    list_name: str = ""
    parent: str = ""
    is_done: bool = False
    completed_at: str = ""
    rule: str = ""
    repeat: str = ""
    after_completion: bool = False
    reminders: tuple[str, ...] = ()

    def with_note(self, text: str) -> "Draft":
        """Return the draft with a line more in its notes."""
        return replace(self, notes=f"{self.notes}\n{text}".strip())


@dataclass(frozen=True, slots=True)
class Remark:
    """What has to be said about one line of a file."""

    line: int
    text: str


@dataclass(slots=True)
class Reading:
    """What a file holds: drafts in its order, remarks on what changes its form, and refusals by line."""

    drafts: list[Draft] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    refused: list[Remark] = field(default_factory=list)

    def add(self, draft: Draft) -> None:
        """Take a draft; raises `InvalidArguments` when there are too many."""
        if len(self.drafts) >= MOST_DRAFTS:
            raise InvalidArguments(f"The file holds more than {MOST_DRAFTS} tasks.", "Split it.")
        self.drafts.append(draft)

    def remark(self, line: int, text: str) -> None:
        """Note something about a line that is taken over."""
        self.remarks.append(Remark(line, text))

    def refuse(self, line: int, text: str) -> None:
        """Note why a line is not taken over."""
        self.refused.append(Remark(line, text))
