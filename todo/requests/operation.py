"""An operation: a use case under the name that all surfaces share, with its arguments and its effect."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from todo.record.scopes import DELETE, READ, WRITE
from todo.record.shapes import Answer
from todo.record.work import Store, Who, Work
from todo.requests.arguments import read_arguments
from todo.requests.idempotency import once
from todo.requests.request import Request

UseCase = Callable[[Work, Any], Answer]


@dataclass(frozen=True, slots=True)
class Effect:
    """What calling an operation does, as MCP's tool annotations name it (specification 2025-11-25, "Tools")."""

    writes: bool = True
    destructive: bool = False
    idempotent: bool = False


WRITES = Effect()
READS = Effect(writes=False, idempotent=True)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that callers may ask for; `use_case` takes (work, request of the type `request`).

    `deletes` says that what it removes is gone for the person, so that its callers need the right to delete.
    """

    name: str
    request: type[Request]
    use_case: UseCase
    effect: Effect = WRITES
    deletes: bool = False

    @property
    def scope(self) -> str:
        """The scope that a caller needs."""
        if self.deletes:
            return DELETE
        return WRITE if self.effect.writes else READ


@dataclass(frozen=True, slots=True)
class Call:
    """An operation with arguments that were read, and the warnings about how they were read."""

    operation: Operation
    request: Request
    warnings: tuple[str, ...] = ()


def read_call(operation: Operation, raw: object) -> Call:
    """Read raw JSON arguments for an operation; raises `InvalidArguments`."""
    given = read_arguments(operation.request, raw)
    return Call(operation, given.request, given.warnings)


async def run_call(store: Store, who: Who, call: Call) -> Answer:
    """Run a call for a caller, a write at most once per `request_id`; return its answer with all warnings.

    Raises `TodoError`.
    """
    operation = call.operation
    with store.watch_call(operation.name, who):
        who.require(operation.scope)
        answer: Answer
        if operation.effect.writes:
            use_case = partial(once, operation=operation.name, request=call.request, use_case=operation.use_case)
            answer = await store.write(who, use_case)
        else:
            answer = await store.read(who, lambda work: operation.use_case(work, call.request))
    if call.warnings:
        answer = {**answer, "warnings": [*answer.get("warnings", []), *call.warnings]}
    return answer
