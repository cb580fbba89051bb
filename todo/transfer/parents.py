"""Which task of a file stands below which, as far as a tree of ours may go."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from todo.subtasks.tree import MOST_CHILDREN, MOST_LEVELS
from todo.transfer.draft import Draft

MISSING = "What it is a part of is not in the file."
_CIRCLE = "It is a part of itself there."
_DEEP = f"It stands more than {MOST_LEVELS} levels deep there."
_MANY = f"What it is a part of has more than {MOST_CHILDREN} parts there."
RECURS = "A task that recurs cannot be a subtask."
SERIES = "What it is a part of recurs, and takes no single subtask."
DONE = "What it is a part of is done."
HERE = "What it is a part of is here already."
REFUSED = "What it is a part of cannot be taken over."


@dataclass(frozen=True, slots=True)
class Parent:
    """What a draft is a part of: its title, and its id here, or why it cannot stand below that."""

    title: str
    task_id: str = ""
    why: str = ""


@dataclass(slots=True)
class Trees:
    """The tasks of one file by their names in it, filled from the top down: `titles` has all that can be a parent."""

    titles: Mapping[str, str]
    circles: frozenset[str]
    _open: dict[str, tuple[str, int]] = field(default_factory=dict)
    _closed: dict[str, str] = field(default_factory=dict)
    _children: Counter[str] = field(default_factory=Counter)

    def find(self, draft: Draft) -> Parent | None:
        """Return what a draft is a part of; None if it is a part of nothing, or of what is not in the file."""
        title = self.titles.get(draft.parent) if draft.parent else None
        if title is None:
            return None
        if draft.source in self.circles:
            return Parent(title, why=_CIRCLE)
        if draft.parent not in self._open:
            return Parent(title, why=self._closed.get(draft.parent, REFUSED))
        task_id, level = self._open[draft.parent]
        if level >= MOST_LEVELS:
            return Parent(title, why=_DEEP)
        if self._children[draft.parent] >= MOST_CHILDREN:
            return Parent(title, why=_MANY)
        return Parent(title, task_id)

    def open(self, draft: Draft, task_id: str, parent: Parent | None) -> None:
        """Let a task have others below it; it stands below its own parent if that is one of ours."""
        is_below = parent is not None and bool(parent.task_id)
        level = self._open[draft.parent][1] + 1 if is_below else 1
        self._children[draft.parent] += is_below
        if draft.source:
            self._open[draft.source] = (task_id, level)

    def close(self, draft: Draft, why: str) -> None:
        """Let nothing stand below a task of the file."""
        if draft.source:
            self._closed[draft.source] = why


def find_levels(parents: Mapping[str, str]) -> dict[str, int | None]:
    """Return how many tasks stand above each, by its parent's name; None for those in a circle or below one."""
    levels: dict[str, int | None] = {}
    for name in parents:
        path: list[str] = []
        at = name
        while at in parents and at not in levels and at not in path:
            path.append(at)
            at = parents[at]
        above = None if at in path else levels.get(at, -1)
        for each in reversed(path):
            above = None if above is None else above + 1
            levels[each] = above
    return levels


def plan_trees(drafts: Sequence[Draft]) -> tuple[Trees, list[int]]:
    """Return the trees of a file, still empty, and the places of its drafts in an order with parents before parts."""
    levels = find_levels({draft.source: draft.parent for draft in drafts if draft.source})
    titles = {draft.source: draft.title for draft in drafts if draft.source}
    circles = frozenset(name for name, level in levels.items() if level is None)
    order = sorted(range(len(drafts)), key=lambda place: _level_of(drafts[place], levels))
    return Trees(titles, circles), order


def _level_of(draft: Draft, levels: Mapping[str, int | None]) -> int:
    above = levels.get(draft.source) if draft.source else None
    return above if above is not None else (levels.get(draft.parent) or 0) + 1 if draft.parent else 0
