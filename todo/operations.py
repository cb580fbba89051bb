"""The list of operations: every use case that tools, REST, plans, guards and the shell call by name."""

from todo import reminders
from todo.requests.operation import Operation
from todo.series import create, preview, update
from todo.tasks import lists, search, tasks
from todo.undo import plans, undo

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for room in (tasks, lists, search, reminders, create, update, preview, plans, undo)
    for operation in room.OPERATIONS
}
"""All operations by name. To add one, append it to the `OPERATIONS` of the module that holds its use case."""

GUARDABLE = frozenset(name for name, operation in OPERATIONS.items() if operation.effect.writes) - {"plan_changes"}
"""The operations that an operator may reserve for the person's agreement; a plan alone changes nothing."""
