"""The second wall as a connection meets it: for whom a transaction runs, said to PostgreSQL together with BEGIN."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import Connection

T = TypeVar("T")

SETTING = "app.user"
"""The setting that names the person of a transaction; the policies of all tables read it."""
EVERYBODY = "*"
"""Its value for the service itself: relay, scheduler, doors, the operator's commands."""
PEOPLE = "evolution_todo_people"
"""The role of people's transactions: it owns nothing, and sees one person's rows."""
SERVICE = "evolution_todo_service"
"""The role whose members see everybody's rows without owning the tables."""

_LOOK = f"""
SELECT (SELECT relforcerowsecurity FROM pg_class WHERE oid = to_regclass('task')),
       (SELECT pg_has_role(oid, CASE WHEN current_setting('server_version_num') < '16' THEN 'MEMBER' ELSE 'SET' END)
        FROM pg_roles WHERE rolname = '{PEOPLE}'),
       (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user),
       current_setting('{SETTING}', true),
       current_schema()
"""  # noqa: S608  # our own names


@dataclass(frozen=True, slots=True)
class Wall:
    """What stands between people on this database: `stands` says whether anything does, `why` in words.

    `preface` comes before the name of the person in each transaction of theirs. `is_silent` says that the service
    itself need not be named: its connections say so when they open.
    """

    stands: bool
    why: str
    preface: str = ""
    is_silent: bool = True

    def say(self, person: str | None) -> str:
        """Return the statements that follow BEGIN, for a person or for the service itself."""
        if person is None or not self.stands:
            return "" if self.is_silent else _name(EVERYBODY)
        return f"{self.preface}{_name(person)}"


UNSEEN = Wall(False, "it was not looked for")


def look_at_wall(connection: Connection) -> Wall:
    """Return what this connection's role is subject to."""
    is_built, may_step_down, sees_all, setting, schema = connection.exec_driver_sql(_LOOK).one()
    if not is_built:
        return Wall(False, "the tables have no policies: run `evolution-todo migrate`")
    # A pooler can keep start-up parameters back.
    is_silent = sees_all or setting == EVERYBODY
    if may_step_down:
        # The search path can mean another schema then: "$user" may be part of it.
        path = "" if schema == "public" else f'SET LOCAL search_path = "{schema}";'
        return Wall(True, f"people's transactions run as {PEOPLE}", f"SET LOCAL ROLE {PEOPLE};{path}", is_silent)
    if sees_all:
        return Wall(False, f"its role passes every policy, and may not become {PEOPLE}: run `evolution-todo migrate`")
    return Wall(True, f"by policies, without {PEOPLE}, which its role may not become", "", is_silent)


def _name(person: str) -> str:
    quoted = person.replace("'", "''")
    return f"SET LOCAL app.\"user\" = '{quoted}';"


class WalledConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """A connection that says for whom it runs in the round trip of BEGIN itself.

    `note_statement` is called before each statement of the hot path, which SQLAlchemy does not hear of; `has_failed`
    says whether one of them has failed.
    """

    after_begin = ""
    has_failed = False

    def note_statement(self) -> None:
        """Do nothing, until somebody wants to know."""

    async def execute(self, query: str, *arguments: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109  # as asyncpg has it
        """Run a statement; BEGIN is followed by `after_begin`."""
        if not (self.after_begin and query.startswith("BEGIN")):
            return str(await self._follow(super().execute(query, *arguments, timeout=timeout)))
        try:
            return str(await super().execute(f"{query}{self.after_begin}", timeout=timeout))
        except BaseException:
            self.terminate()  # half begun: nothing may run on it
            raise

    async def executemany(self, command: str, args: Any, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        """Run a statement once for each of several arguments."""
        return await self._follow(super().executemany(command, args, timeout=timeout))

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        """Return the rows of a query."""
        return await self._follow(super().fetch(query, *args, **options))

    async def _follow(self, work: Awaitable[T]) -> T:
        self.note_statement()
        try:
            return await work
        except BaseException:
            self.has_failed = True
            raise
