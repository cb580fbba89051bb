"""Every statement on people's rows begins at their owner: the queries are judged here, their use in every test."""

import ast
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, exists, func, select, text, union_all, update

from app.identity import LOCAL_PERSON
from events.sql import WithoutIndex, table_of
from tests.ownership import FREE, OWNED, REPOSITORY, UNOWNED, find_unowned
from tests.world import World
from todo.record.models import Change, ChangeItem, Reminder, Task, TaskTag, User

T, R, TAG, C, ITEM, P = (table_of(each) for each in (Task, Reminder, TaskTag, Change, ChangeItem, User))
OTHER = T.alias("other")
MINE = select(T.c.id).where(T.c.user_id == "anna")

BEGIN_AT_THEIR_OWNER: dict[str, Any] = {
    "a value": MINE,
    "without an index": select(T).where(WithoutIndex(T.c.user_id) == "anna"),
    "a person's own": select(T).join(P, P.c.id == T.c.user_id),
    "an update": update(T).where(T.c.id == "1", T.c.user_id == "anna").values(title=""),
    "a child by its parent's key": select(R).join(T, T.c.id == R.c.task_id).where(T.c.user_id == "anna"),
    "both sides": select(C, T).where(C.c.user_id == T.c.user_id, T.c.user_id == "anna"),
    "keys of one's own": delete(TAG).where(TAG.c.task_id.in_(MINE)),
    "inside a condition": MINE.where(exists().where(R.c.task_id == T.c.id)),
    "inside a count": select(func.count()).select_from(MINE.subquery()),
    "no people's rows": select(ITEM).where(ITEM.c.change_id == "1"),
    "a plain statement": text("SELECT 1 FROM task WHERE user_id = :user"),
}
DO_NOT: dict[str, tuple[Any, list[str]]] = {
    "by id alone": (select(T).where(T.c.id == "1"), ["task"]),
    "everybody's": (select(func.count()).select_from(T), ["task"]),
    "or": (select(T).where((T.c.user_id == "anna") | (T.c.id == "1")), ["task"]),
    "not": (select(T).where(T.c.user_id != "anna"), ["task"]),
    "an update": (update(T).where(T.c.id == "1").values(user_id="anna"), ["task"]),
    "a deletion": (delete(R).where(R.c.task_id == "1"), ["reminder"]),
    "joined beside": (select(R).join(T, T.c.title == R.c.status).where(T.c.user_id == "anna"), ["reminder"]),
    "tied to itself": (select(T).join(OTHER, OTHER.c.user_id == T.c.user_id), ["task", "task"]),
    "inside a condition": (MINE.where(T.c.id.in_(select(R.c.task_id))), ["reminder"]),
    "inside a count": (select(func.count()).select_from(select(T).limit(5).subquery()), ["task"]),
    "one half": (union_all(MINE, select(T.c.id)), ["task"]),
    "keys of anybody": (delete(TAG).where(TAG.c.task_id.in_(select(ITEM.c.task_id))), ["task_tag"]),
    "a plain statement": (text("DELETE FROM task WHERE id = :id"), ["task"]),
}
WRONG = """
from sqlalchemy import select
from todo.record.queries import TASK

def peek(work):
    return work.connection.execute(select(TASK.c.title).where(TASK.c.id == "1")).all()
"""


@pytest.mark.parametrize("name", BEGIN_AT_THEIR_OWNER)
def test_a_statement_that_begins_at_its_owner_is_left_alone(name: str) -> None:
    assert not find_unowned(BEGIN_AT_THEIR_OWNER[name])


@pytest.mark.parametrize("name", DO_NOT)
def test_a_statement_that_does_not_is_found(name: str) -> None:
    statement, tables = DO_NOT[name]

    assert sorted(find_unowned(statement)) == sorted(tables)


def test_the_tables_of_people_are_known() -> None:
    assert {"task", "reminder", "change", "plan", "conversation", "outbox_entry", "credential"} <= OWNED
    assert "person" not in OWNED


async def test_a_new_query_that_forgets_its_owner_is_found_as_soon_as_it_runs(world: World) -> None:
    module: dict[str, Any] = {}
    exec(compile(WRONG, str(REPOSITORY / "todo/wrong.py"), "exec"), module)  # noqa: S102  # the text above

    await world.service.store.read(LOCAL_PERSON, module["peek"])

    assert UNOWNED.pop("todo/wrong.py:peek: task").startswith("SELECT task.title")


@pytest.mark.parametrize("module", FREE)
def test_every_exception_names_a_function_and_its_reason(module: str) -> None:
    path = Path(REPOSITORY / module)
    assert path.exists()
    functions = _name_functions(ast.parse(path.read_text("utf-8"))) if path.is_file() else []
    for function, reason in FREE[module].items():
        assert function == "*" or function.removesuffix(".<lambda>") in functions
        assert reason


def _name_functions(tree: ast.AST, prefix: str = "") -> list[str]:
    names = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names += [f"{prefix}{node.name}", *_name_functions(node, f"{prefix}{node.name}.")]
    return names
