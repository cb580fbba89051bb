"""The wall around a token's lists, statement by statement: no form of a query leaves a table as it is."""

from typing import Any

import pytest
from sqlalchemy import CTE, Table, delete, func, insert, select, text, union_all, update

from app.migrations.schema import TABLES
from todo.errors import Forbidden
from todo.record.bounds import BoundConnection, Bounds

PROMISES = ("bounds",)

LISTS = frozenset({"list-1", "list-2"})
CLOSED = {
    "calendar",
    "change_list",
    "channel_delivery",
    "credential",
    "day_count",
    "dead_letter",
    "delivery",
    "inbox_entry",
    "lease",
    "oauth_client",
    "oauth_step",
    "outbox_entry",
    "outside_login",
    "presence",
    "rate",
    "service_key",
}
"""Tables of which a token for lists sees nothing; a new table is one of them until it has a rule."""
READ_ONLY = {"channel", "person", "task_list"}
OWNED = {"confirmation", "conversation", "pending_call", "plan", "request_entry", "turn", "turn_step"}
"""Tables whose rows are a token's own or not; what they say of tasks is what it saw."""
OWN_ALONE = "token-1'"
INSIDE = "list_id IN ('list-1', 'list-2')"
TASK, REMINDER, TAG = (next(each for each in TABLES if each.name == name) for name in ("task", "reminder", "task_tag"))


def bind(*lists: str) -> BoundConnection:
    connection: Any = None
    return BoundConnection(connection, "ann", Bounds("token-1", frozenset(lists or LISTS)))


def write(statement: Any) -> str:
    return " ".join(str(statement.compile(compile_kwargs={"literal_binds": True})).split())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_is_narrowed_or_closed(table: Table) -> None:
    was, now = write(select(table)), write(bind().narrow(select(table)))
    assert now.endswith("WHERE false") is (table.name in CLOSED), now
    assert (now == was) is (table.name in READ_ONLY - {"task_list"})
    if table.name not in CLOSED | READ_ONLY:
        assert (OWN_ALONE if table.name in OWNED else INSIDE) in now
    writes = (insert(table), update(table).values({table.c[0]: None}), delete(table))
    for statement in writes:
        if table.name in CLOSED | READ_ONLY:
            with pytest.raises(Forbidden):
                bind().narrow(statement)
        elif statement is not writes[0]:
            assert "WHERE" in write(bind().narrow(statement))


_OTHER = TASK.alias("other")
_COUNT = select(func.count()).where(TASK.c.user_id == "ann")
_BELOW = select(func.count()).where(_OTHER.c.parent_id == TASK.c.id)
_CTE: CTE = select(TASK.c.id).cte("found")
FORMS: dict[str, tuple[Any, int]] = {
    # What a query inside takes from the one around it is narrowed in both.
    "plain": (select(TASK), 1),
    "only in a condition": (select(func.count()).where(TASK.c.id == "1"), 1),
    "under another name": (select(_OTHER), 1),
    "twice": (select(TASK, _OTHER.c.id).join(_OTHER, _OTHER.c.parent_id == TASK.c.id), 2),
    "joined": (select(REMINDER.c.id).join(TASK, TASK.c.id == REMINDER.c.task_id), 2),
    "joined from outside": (select(REMINDER.c.id, TASK.c.id).outerjoin(TASK, TASK.c.id == REMINDER.c.task_id), 2),
    "in FROM": (select(func.count()).select_from(select(TASK.c.id).limit(5).subquery()), 1),
    "as a column": (select(TASK.c.id, _BELOW.scalar_subquery()), 3),
    "as a value": (select(TASK.c.id).where(TASK.c.version > _COUNT.scalar_subquery()), 2),
    "in IN": (select(TAG.c.folded).where(TAG.c.task_id.in_(select(TASK.c.id))), 2),
    "in EXISTS": (select(TAG.c.folded).where(select(TASK.c.id).where(TASK.c.id == TAG.c.task_id).exists()), 3),
    "in NOT EXISTS": (select(TASK.c.id).where(~select(_OTHER.c.id).where(_OTHER.c.id == TASK.c.parent_id).exists()), 3),
    "in a union": (union_all(select(TASK.c.id), select(_OTHER.c.id)), 2),
    "named before": (select(_CTE.c.id), 1),
    "held": (select(TASK).with_for_update(), 1),
    "grouped and cut": (select(TASK.c.list_id, func.count()).group_by(TASK.c.list_id).limit(3), 1),
    "an update": (update(TASK).where(TASK.c.id == "1").values(title="x"), 1),
    "an update by a query": (update(TAG).where(TAG.c.task_id.in_(select(TASK.c.id))).values(deadline="x"), 2),
    "a deletion": (delete(REMINDER).where(REMINDER.c.task_id == "1"), 1),
}


@pytest.mark.parametrize(("statement", "count"), FORMS.values(), ids=FORMS)
def test_each_mention_of_a_table_is_narrowed(statement: Any, count: int) -> None:
    before = write(statement)
    assert write(bind().narrow(statement)).count(INSIDE) == count
    assert write(statement) == before, "the statement itself stays as it is, for others"


def test_each_token_gets_its_own_and_gets_it_again() -> None:
    statement = select(TASK)
    texts = [write(bind(f"list-{number}").narrow(statement)) for number in range(20)]
    assert all(f"IN ('list-{number}')" in text for number, text in enumerate(texts))
    assert bind("a").narrow(statement) is bind("a").narrow(statement)
    assert write(bind("list-0").narrow(statement)) == texts[0]


@pytest.mark.parametrize("name", ["scalar", "scalars", "execution_options", "engine"])
def test_there_is_one_way_to_execute(name: str) -> None:
    with pytest.raises(AttributeError, match="use execute"):
        getattr(bind(), name)


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ((), "task.list_id IN ('list-1', 'list-2')"),
        (("inbox",), "false OR task.list_id IS NULL"),
        (("inbox", "a"), "task.list_id IN ('a') OR task.list_id IS NULL"),
    ],
)
def test_the_inbox_is_a_list_like_others(lists: tuple[str, ...], said: str) -> None:
    assert said.replace("false OR ", "") in write(bind(*lists).narrow(select(TASK)))


def test_no_list_is_nothing_and_never_everything() -> None:
    connection: Any = None
    empty = BoundConnection(connection, "ann", Bounds("token-1", frozenset()))
    assert write(empty.narrow(select(TASK))).endswith("WHERE false")
    assert not Bounds("token-1", frozenset()).hold(None)
    assert not Bounds("token-1", frozenset()).hold("list-1")


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM task", 'DELETE FROM "task" WHERE 1', "INSERT INTO task_list (id) VALUES ('1')", "TABLE TASK"]
)
def test_plain_text_that_names_a_table_is_an_error(sql: str) -> None:
    with pytest.raises(RuntimeError, match="cannot be narrowed"):
        bind().narrow(text(sql))
    with pytest.raises(RuntimeError, match="cannot be narrowed"):
        bind().exec_driver_sql(sql)
