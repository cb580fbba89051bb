"""A row that is named by its key is not looked for among all rows of its person: the plans are read in every test."""

from typing import Any

import pytest

from app.identity import LOCAL_PERSON
from tests.ownership import REPOSITORY
from tests.plans import FREE, WALKS, find_walks
from tests.world import World

KEYED = "SELECT * FROM task_tag WHERE task_tag.task_id = ? AND task_tag.user_id = ?"
JOINED = "SELECT * FROM change_item JOIN change ON change.id = change_item.change_id WHERE change.user_id = ?"
WALK = "SEARCH {} USING INDEX some (user_id=?)"
SLOW = """
from sqlalchemy import select
from events.sql import table_of
from todo.record.models import TaskTag

TAG = table_of(TaskTag)

def peek(work):
    return work.connection.execute(select(TAG).where(TAG.c.task_id == "1", TAG.c.user_id == work.who.user_id)).all()
"""


@pytest.mark.parametrize(
    ("plan", "sql", "walked"),
    [
        (WALK.format("task_tag"), KEYED, ["task_tag"]),
        ("SCAN task_tag", KEYED, ["task_tag"]),
        (WALK.format("change"), JOINED, ["change"]),
        ("SEARCH task_tag USING INDEX sqlite_autoindex_task_tag_1 (task_id=?)", KEYED, []),
        ("SEARCH task USING INDEX ix_task_due (user_id=? AND kind=?)", "SELECT * FROM task WHERE task.id IN (?)", []),
        (WALK.format("task"), "SELECT * FROM task WHERE task.user_id = ?", []),
    ],
)
def test_a_walk_is_told_from_a_look_up(plan: str, sql: str, walked: list[str]) -> None:
    assert find_walks([plan], sql) == walked


@pytest.mark.database("sqlite")
async def test_a_new_query_that_walks_is_found_as_soon_as_it_runs(world: World) -> None:
    module: dict[str, Any] = {}
    exec(compile(SLOW, str(REPOSITORY / "todo/wrong.py"), "exec"), module)  # noqa: S102  # the text above

    await world.service.store.read(LOCAL_PERSON, module["peek"])

    assert "task_tag.user_id = ?" in WALKS.pop("todo/wrong.py:peek: task_tag")


@pytest.mark.parametrize("module", FREE)
def test_every_exception_has_a_module_and_a_reason(module: str) -> None:
    assert (REPOSITORY / module).exists()
    assert all(FREE[module].values())
