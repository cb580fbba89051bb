"""The second wall: with the first one taken away, PostgreSQL itself keeps people apart."""

import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest
from sqlalchemy import Connection, Engine, event, func, select

from app.access.ownership import NOBODYS, OWNER
from app.cli.doctor import examine
from app.migrations.schema import TABLES
from app.service import migrate_database
from app.storage.postgres import PostgresDatabase
from app.storage.wall import PEOPLE, SERVICE, UNSEEN
from events import sql as hot
from events.positions import Position, advance
from events.sql import table_of
from tests.integration.access import test_walls as attacks
from tests.integration.access.house import House, open_house
from tests.postgres import Cluster
from tests.world import make_settings, open_world
from todo.record.models import Activity

PROMISES = ("second-wall",)

pytestmark = [pytest.mark.anyio, pytest.mark.database("postgresql")]

Attack = Callable[[House], Awaitable[None]]
ATTACKS: tuple[Attack, ...] = (
    attacks.test_no_route_tells_a_foreign_id_from_a_missing_one_or_changes_anything,
    attacks.test_no_reading_route_shows_what_is_anothers,
    attacks.test_bulk_calls_that_mix_in_foreign_ids_do_nothing,
    attacks.test_anothers_cursor_leads_to_ones_own,
    attacks.test_every_streamed_event_is_ones_own,
    attacks.test_two_people_at_once_in_one_process_never_meet,
)
ACTIVITY = table_of(Activity)
FIRST_WALL = re.compile(rf"\b\w+\.{OWNER} = (?:\$\d+::VARCHAR|\w+\.{OWNER})")
"""A condition on the owner, as it reaches the database."""


@pytest.fixture
def no_first_wall(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let every condition on an owner hold for everybody; yields what was opened."""
    opened: list[str] = []

    def open_all(sql: str) -> str:
        opened.extend(FIRST_WALL.findall(sql))
        return FIRST_WALL.sub(r"(\g<0> OR 1 = 1)", sql)

    def strip(_c: Connection, _cursor: Any, sql: str, given: Any, _context: Any, _many: bool) -> tuple[str, Any]:
        return open_all(sql), given

    def strip_hot(way: Callable[..., Any]) -> Callable[..., Any]:
        return lambda connection, sql, *given: way(connection, open_all(sql), *given)

    for name in ("execute_raw", "execute_many", "fetch_raw"):  # what goes straight to the driver
        monkeypatch.setattr(hot, name, strip_hot(getattr(hot, name)))
    event.listen(Engine, "before_cursor_execute", strip, retval=True)
    yield opened
    event.remove(Engine, "before_cursor_execute", strip)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__.removeprefix("test_"))
async def test_the_second_wall_alone_holds(house: House, attack: Attack, no_first_wall: list[str]) -> None:
    await attack(house)

    assert no_first_wall, "the first wall was there to be taken away"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_second_wall_alone_holds_for_tools(house: House, mode: str, no_first_wall: list[str]) -> None:
    await attacks.test_no_tool_resource_or_prompt_reaches_what_is_anothers(house, mode)

    assert no_first_wall


async def test_without_either_wall_everything_is_open(house: House, no_first_wall: list[str]) -> None:
    """So that the tests above would notice."""
    ann, ben = await house.join("Ann"), await house.join("Ben")
    task = await ann.make("Of Ann")
    assert isinstance(house.world.service.database, PostgresDatabase)
    assert await ben.titles() == set()
    house.world.service.database.wall = UNSEEN
    assert await ben.titles() == {"Of Ann"}
    assert (await ben.rest("PATCH", f"/tasks/{task['id']}", json={"title": "Of Ben"})).status_code == 200
    assert no_first_wall


async def test_a_transaction_that_names_nobody_sees_nobodys_rows(house: House) -> None:
    ann = await house.join("Ann")
    await house.world.service.database.read(lambda _: None, ann.user_id)
    await ann.make("Of Ann", due="2026-11-24", reminders=["0m"], tags=["home"])
    await house.world.settle()

    def count(connection: Connection) -> dict[str, int]:
        names = [table.name for table in TABLES if table.name not in NOBODYS]
        return {name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in names}  # noqa: S608  # our own names

    database = house.world.service.database
    assert set((await database.read(count, "")).values()) == {0}
    assert set((await database.read(count, "*")).values()) == {0}, "for a person, the service's own word opens nothing"
    assert set((await database.read(count, "o'brien")).values()) == {0}
    own, everything = await database.read(count, ann.user_id), await database.read(count)
    assert own["task"] == everything["task"] == 1
    assert own == {**everything, "person": 1}, "all of it is hers"
    assert {"change_item", "delivery", "inbox_entry", "counted_task"} <= {name for name, count in own.items() if count}


@pytest.mark.parametrize("table", sorted(NOBODYS))
async def test_what_is_the_services_own_is_closed_to_people(house: House, table: str) -> None:
    with pytest.raises(Exception, match="refuses"):
        await house.world.service.database.read(
            lambda connection: connection.exec_driver_sql(f"SELECT * FROM {table}").all(),  # noqa: S608  # our own names
            (await house.join("Ann")).user_id,
        )


async def test_a_stream_knows_which_numbers_are_taken_and_sees_only_its_own_rows(house: House) -> None:
    """Numbers of other people's rows are not waited for; the person stays named after the look at them."""
    ann, ben = await house.join("Ann"), await house.join("Ben")
    for person in (ann, ben, ann, ben, ann):
        await person.make(f"Of {person.name}")
    await house.world.settle()

    def look(connection: Connection) -> tuple[Position, int]:
        position = advance(connection, ACTIVITY.c.seq, Position(), [1, 3, 5])
        return position, connection.execute(select(func.count()).select_from(ACTIVITY)).scalar_one()

    assert await house.world.service.database.read(look, ann.user_id) == (Position(5), 3)


async def test_no_row_can_be_written_in_anothers_name(house: House) -> None:
    ann, ben = await house.join("Ann"), await house.join("Ben")
    await ann.make("Of Ann")
    statement = f"UPDATE task SET user_id = '{ben.user_id}'"  # noqa: S608  # our own ids
    with pytest.raises(Exception, match="refuses"):
        await house.world.service.database.write(lambda it: it.exec_driver_sql(statement), ann.user_id)


async def test_every_table_stands_behind_the_wall(house: House) -> None:
    """A table that a later migration adds is walled in by the same migration."""
    rows = await house.world.query(
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity, array_agg(p.polname::text ORDER BY p.polname) "
        "FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid "
        "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY c.oid, 1, 2"
    )
    walls = {name: (forced, policies) for name, forced, policies in rows if name != "alembic_version"}
    assert walls == {
        table.name: (True, ["service"] if table.name in NOBODYS else ["people", "service"]) for table in TABLES
    }


async def test_the_planner_asks_for_the_person_once_and_uses_the_index(house: House) -> None:
    plan = await house.world.service.database.read(
        lambda connection: (
            connection.exec_driver_sql(
                "EXPLAIN SELECT id FROM task WHERE kind = 'task' AND status = 'open' AND deleted_at IS NULL "
                "AND deadline > '2026' ORDER BY deadline, id LIMIT 20"
            )
            .scalars()
            .all()
        ),
        (await house.join("Ann")).user_id,
    )
    assert any("InitPlan" in line for line in plan), plan
    assert any("Index Cond" in line and "user_id" in line and "deadline" in line for line in plan), plan


async def make_roles(cluster: Cluster, *statements: str) -> None:
    admin = await asyncpg.connect(cluster.url("postgres"))
    try:
        for statement in statements:
            await admin.execute(statement)
    finally:
        await admin.close()


async def own_all(cluster: Cluster, folder: Path) -> str:
    """Return the URL of a database whose one role owns it and may make no roles."""
    name = cluster.name_for(folder)
    role = f"{name}_only"
    await make_roles(cluster, f"CREATE ROLE {role} LOGIN", f'CREATE DATABASE "{name}" OWNER {role} TEMPLATE template0')
    url = cluster.url(name).replace("todo@", f"{role}@")
    await migrate_database(make_settings(folder, database_url=url))
    return url


async def own_nothing(cluster: Cluster, folder: Path) -> str:
    """Return the URL of a database for a role that does not own the tables."""
    role = f"{cluster.name_for(folder)}_app"
    url = await cluster.open_for(folder)
    await make_roles(cluster, f"CREATE ROLE {role} LOGIN", f"GRANT {PEOPLE}, {SERVICE} TO {role}")
    return url.replace("todo@", f"{role}@")


@pytest.mark.database("sqlite")  # these tests bring their own database
@pytest.mark.parametrize(("lay_out", "how"), [(own_all, "by policies"), (own_nothing, f"run as {PEOPLE}")])
async def test_the_wall_stands_with_other_roles(
    lay_out: Callable[[Cluster, Path], Awaitable[str]],
    how: str,
    cluster: Cluster,
    tmp_path: Path,
    no_first_wall: list[str],
) -> None:
    async with open_house(tmp_path, database_url=await lay_out(cluster, tmp_path)) as house:
        ann, ben = await house.join("Ann"), await house.join("Ben")
        task = await ann.make("Of Ann", due="2026-11-23T17:00", reminders=["0m"], tags=["home"])
        await house.world.tick(days=1)
        assert await ann.titles() == {"Of Ann"}
        assert await ben.titles() == set()
        assert (await ben.rest("PATCH", f"/tasks/{task['id']}", json={"title": "Mine"})).status_code == 404
        assert [each["title"] for each in (await ann.rest("GET", "/notifications")).json()["notifications"]] == [
            "Of Ann"
        ]
        assert (await ben.rest("GET", "/notifications")).json()["notifications"] == []
        checks = {each["check"]: each for each in await examine(house.world.service.settings)}
        assert checks["second wall"]["ok"]
        assert how in checks["second wall"]["detail"]
    assert no_first_wall


@pytest.mark.database("sqlite")
async def test_local_mode_runs_without_it(cluster: Cluster, tmp_path: Path) -> None:
    async with open_world(tmp_path, database_url=await own_all(cluster, tmp_path)) as world:
        made = await world.rest.post("/tasks", json={"title": "Alone"})
        assert made.status_code == 201
        assert [row[0] for row in await world.query("SELECT title FROM task")] == ["Alone"]
        database = world.service.database
        named = await database.read(
            lambda it: it.exec_driver_sql("SELECT current_setting('app.user')").scalar(), "local"
        )
        assert named == "*", "not even the round trip of BEGIN is longer"
