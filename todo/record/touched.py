"""What a change touches: each task's part in it, and the series that it moves on."""

from dataclasses import dataclass, field

from events.catalog import EventType
from todo.record.list_rows import ListRow
from todo.record.shapes import RecurrenceRow, TaskRow, TaskShape, TriggerShape


@dataclass(slots=True)
class Touched:
    """One task's part in a change.

    `before` is its view before the change, None for a new task; `row` its newest row; `after` the view of that row,
    None until the change is recorded. `trigger` belongs to an instance of a series that has come due. `restored` marks
    a task that undo brought back: consumers do not count it as new.
    """

    before: TaskShape | None
    row: TaskRow
    after: TaskShape | None = None
    trigger: TriggerShape | None = None
    restored: bool = False

    def renew(self) -> None:
        """Forget the view: the task's subtasks have changed since."""
        self.after = None
        if not self.row["has_subtasks"]:
            self.row = {**self.row, "has_subtasks": 1}

    @property
    def is_gone(self) -> bool:
        """Whether the change deletes the task."""
        return self.row["deleted_at"] is not None

    @property
    def event_type(self) -> EventType:
        """The event that tells of it, by effect."""
        if self.is_gone:
            return EventType.TASK_DELETED
        if self.before is None:
            return EventType.TASK_CREATED
        if self.before["status"] == "open" and self.row["status"] == "completed":
            return EventType.TASK_COMPLETED
        return EventType.TASK_UPDATED

    @property
    def view(self) -> TaskShape:
        """The view after the change; only once it is recorded."""
        if self.after is None:
            raise RuntimeError("the change is not recorded yet")
        return self.after


@dataclass(slots=True)
class Collected:
    """The parts of a change in the order in which tasks were first touched, and its series as they were before.

    `lists` has each list as it was, None for a new one, and as it is.
    """

    tasks: dict[str, Touched] = field(default_factory=dict)
    series: dict[str, RecurrenceRow] = field(default_factory=dict)
    lists: dict[str, tuple[ListRow | None, ListRow]] = field(default_factory=dict)

    def add(self, other: "Collected") -> None:
        """Take in what came later; the parts of one task become one."""
        for task_id, then in other.tasks.items():
            if (first := self.tasks.get(task_id)) is None:
                self.tasks[task_id] = then
            else:
                self.tasks[task_id] = Touched(
                    first.before, then.row, then.after, first.trigger or then.trigger, first.restored
                )
            above = None if then.before is None else then.before.get("parent")
            for parent_id in (then.row["parent_id"], None if above is None else above["id"]):
                if parent_id in self.tasks and parent_id not in other.tasks:
                    self.tasks[parent_id].renew()
        for series_id, row in other.series.items():
            self.series.setdefault(series_id, row)
        for list_id, (was, now) in other.lists.items():
            self.lists[list_id] = (self.lists.get(list_id, (was, now))[0], now)

    def list_touched(self) -> list[Touched]:
        """Return the parts, without tasks that came and went within the change."""
        return [each for each in self.tasks.values() if each.before is not None or not each.is_gone]
