"""SQL helpers: Core tables, the statements of the hot path, and what differs between SQLite and PostgreSQL."""

import re
import sqlite3
from collections import namedtuple
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ClauseElement,
    ColumnElement,
    Connection,
    Insert,
    Integer,
    Select,
    Table,
    Update,
    text,
)
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors
from sqlalchemy.sql.functions import GenericFunction
from sqlmodel import SQLModel

RowNumber = BigInteger().with_variant(Integer(), "sqlite")
"""The type of a row number that the database assigns: 64 bits on both, as SQLite's INTEGER has."""

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""The parameters of a statement that takes none."""
Conflict = Callable[[Any], Any]
MOST_KEYS = 128
"""Most values of a list in a hot query, which is compiled for each power of two up to here."""
READS_NUMBERS = "reads_numbers"
"""The execution option of a statement that reads row numbers and nothing of the rows."""


def table_of(model: type[SQLModel]) -> Table:
    """Return the Core table behind a SQLModel table class."""
    return cast("Table", model.__table__)  # type: ignore[attr-defined]  # set by the metaclass, unknown to mypy


def only_where(condition: str, postgresql: str | None = None) -> dict[str, Any]:
    """Return the keywords of a partial index for both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(postgresql or condition)}


def is_sqlite(connection: Connection) -> bool:
    """Return whether this is SQLite, which has one writer at a time."""
    return connection.dialect.name == "sqlite"


def execute_raw(connection: Connection, sql: str, parameters: tuple[Any, ...] = ()) -> int:
    """Execute one statement verbatim, straight through the driver; return how many rows it touched.

    Measured per insert of twenty columns on SQLite: 19 µs through `Connection.execute`, 6 µs through `exec_driver_sql`,
    2.4 µs this way. On PostgreSQL 156 µs of processor through `exec_driver_sql`, 51 µs this way.
    """
    driver = _driver_of(connection)
    if driver is None:
        return connection.exec_driver_sql(sql, parameters).rowcount
    if connection.dialect.name == "sqlite":
        return int(driver.execute(sql, parameters).rowcount)
    # The command's tag ends in the number of rows, if it has one (PostgreSQL, "Message Formats", CommandComplete).
    rows = _wait(connection, lambda direct: direct.execute(sql, *parameters)).rpartition(" ")[2]
    return int(rows) if rows.isdigit() else -1


def execute_many(connection: Connection, sql: str, parameters: list[tuple[Any, ...]]) -> None:
    """Execute one statement verbatim once for each of several parameters."""
    driver = _driver_of(connection)
    if driver is None:
        connection.exec_driver_sql(sql, parameters)
    elif connection.dialect.name == "sqlite":
        driver.executemany(sql, parameters)
    else:
        _wait(connection, lambda direct: direct.executemany(sql, parameters))


def fetch_raw(connection: Connection, sql: str, parameters: tuple[Any, ...]) -> Sequence[Any]:
    """Return the rows of one query taken verbatim, straight through the driver."""
    driver = _driver_of(connection)
    if driver is None:
        return connection.exec_driver_sql(sql, parameters).all()
    if connection.dialect.name == "sqlite":
        return cast("list[Any]", driver.execute(sql, parameters).fetchall())
    return cast("list[Any]", _wait(connection, lambda direct: direct.fetch(sql, *parameters)))


def _driver_of(connection: Connection) -> Any:
    """Return the driver's own connection; None while SQLAlchemy has yet to begin its transaction there."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite" or driver.is_in_transaction():
        return driver
    return None  # on PostgreSQL it begins with the first statement that passes through it


def _wait(connection: Connection, ask: Callable[[Any], Awaitable[Any]]) -> Any:
    """Return what the driver of PostgreSQL answers."""
    return cast("Any", connection.connection.dbapi_connection).run_async(ask)


_OWN_FAULTS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.InterfaceError)
# Classes of SQLSTATE (PostgreSQL, appendix A): connection, transaction, conflict, resources, lock, server, disk.
_STORAGE_STATES = ("08", "25", "40", "53", "55", "57", "58", "XX")


def is_storage_fault(error: BaseException) -> bool:
    """Return whether the database failed, and not the statement: the same statement may succeed later."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, PendingRollbackError | ConnectionError | TimeoutError):
        return True  # the first: a statement after the one that met the loss of the connection
    if isinstance(cause, sqlite3.Error):
        # SQLITE_ERROR is a wrong statement, or a table that is missing.
        return not isinstance(cause, _OWN_FAULTS) and getattr(cause, "sqlite_errorcode", 0) != sqlite3.SQLITE_ERROR
    return (getattr(cause, "sqlstate", None) or "").startswith(_STORAGE_STATES)


class _Compiled(NamedTuple):
    """A statement as a driver takes it: its text, and for each parameter its name and the value from the statement."""

    sql: str
    order: tuple[tuple[str, Any], ...]

    def bind(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the parameters in the statement's order."""
        return tuple([given.get(name, value) for name, value in self.order])


def _compile(statement: ClauseElement, connection: Connection, names: Iterable[str] | None) -> _Compiled:
    compiled: Any = statement.compile(dialect=connection.dialect, column_keys=None if names is None else list(names))
    order = tuple((name, compiled.params[name]) for name in compiled.positiontup or ())
    return _Compiled(compiled.string, order)


_VALUES = re.compile(r"VALUES \(([^()]*)\)")


def _unnest(values: re.Match[str]) -> str:
    return f"SELECT * FROM unnest({values[1].replace(',', '[],')}[])"  # noqa: S608  # the compiler's own text


class HotInsert:
    """An INSERT that is compiled once per dialect and set of columns.

    It takes a statement, or for an ON CONFLICT clause a function from the dialect's own `insert` to the statement. All
    columns hold text, integers or booleans, which no database needs converted.
    """

    def __init__(self, statement: Insert | Conflict) -> None:
        self._statement = statement
        self._made: dict[str, Insert] = {}
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    def run(self, connection: Connection, row: dict[str, Any]) -> int:
        """Insert one row, keyed by column names; return 1, or 0 if a conflict kept the existing row."""
        known = self._find(connection, row)
        return execute_raw(connection, known.sql, known.bind(row))

    def run_many(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Insert several rows with the same columns in their order, in one call of the driver."""
        if len(rows) == 1:
            self.run(connection, rows[0])
        elif rows and is_sqlite(connection):
            known = self._find(connection, rows[0])
            execute_many(connection, known.sql, [known.bind(row) for row in rows])
        elif rows:
            self._insert_columns(connection, rows)

    def find_new(self, connection: Connection, rows: Sequence[dict[str, Any]], key: str) -> set[Any]:
        """Insert several rows with the same columns; return the values of `key` of those that no conflict kept out."""
        if len(rows) == 1 or is_sqlite(connection):
            return {row[key] for row in rows if self.run(connection, row)}
        returned = self._insert_columns(connection, rows, f" RETURNING {key}").all() if rows else []
        return {value for (value,) in returned}

    def _insert_columns(self, connection: Connection, rows: Sequence[dict[str, Any]], more: str = "") -> Any:
        """Insert several rows by one statement of PostgreSQL that takes a list for each column."""
        known = self._find(connection, rows[0])
        lists = _VALUES.sub(_unnest, known.sql, count=1)
        given = tuple([row[name] for row in rows] for name, _ in known.order)
        return connection.exec_driver_sql(lists + more, given)

    def _find(self, connection: Connection, row: dict[str, Any]) -> _Compiled:
        key = (connection.dialect.name, *row)
        known = self._compiled.get(key)
        if known is None:
            known = self._compiled[key] = _compile(self._make(connection), connection, row)
        return known

    def _make(self, connection: Connection) -> Insert:
        name = connection.dialect.name
        if name not in self._made:
            statement = self._statement
            if not isinstance(statement, Insert):
                statement = statement(_insert_of(name))
            # No caller needs the new row number: inline avoids RETURNING.
            self._made[name] = cast("Insert", statement.inline())
        return self._made[name]


class HotUpdate:
    """An UPDATE that is compiled once per dialect and goes straight to the driver; its values need no conversion."""

    def __init__(self, statement: Update) -> None:
        self.statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, given: Mapping[str, Any]) -> int:
        """Execute the statement, with values by the names of its parameters; return how many rows it touched."""
        known = self._find(connection)
        return execute_raw(connection, known.sql, known.bind(given))

    def run_many(self, connection: Connection, given: Sequence[Mapping[str, Any]]) -> None:
        """Execute the statement once for each of several parameters, in one call of the driver."""
        if given:
            known = self._find(connection)
            execute_many(connection, known.sql, [known.bind(each) for each in given])

    def _find(self, connection: Connection) -> _Compiled:
        known = self._compiled.get(connection.dialect.name)
        if known is None:
            known = self._compiled[connection.dialect.name] = _compile(self.statement, connection, None)
        return known


def _fill_up(values: Sequence[Any]) -> Sequence[Any]:
    """Return a list of which the length is a power of two, or 0: the last value may stand there several times."""
    missing = (1 << (len(values) - 1).bit_length()) - len(values) if values else 0
    return [*values, *([values[-1]] * missing)] if missing else values


_Conversion = tuple[int, Callable[[Any], Any]]
"""The place of a column whose values the driver gives in another form, and SQLAlchemy's conversion of them."""


class HotQuery:
    """A SELECT that is compiled once per dialect and goes straight to the driver.

    A parameter that stands for a list (`expanding`) makes it compiled once for some lengths: a list is filled up to the
    next of them with its last value. One that is longer than `MOST_KEYS` goes the usual way. A connection that narrows
    what it is given narrows it too. A listener to a connection's statements does not hear of it.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement
        names = statement.selected_columns.keys()
        self._make_row: Callable[[Iterable[Any]], Any] = cast("Any", namedtuple)("HotRow", names, rename=True)._make  # noqa: PYI024  # its fields are the columns
        parameters = (each for each in visitors.iterate(statement) if isinstance(each, BindParameter))
        self._lists = tuple(each.key for each in parameters if each.expanding)
        self._compiled: dict[tuple[Any, ...], tuple[_Compiled, list[_Conversion]]] = {}

    def all(self, connection: Connection, given: Mapping[str, Any] = NOTHING) -> list[Any]:
        """Return all rows as named tuples."""
        if type(connection) is not Connection or any(len(given[name]) > MOST_KEYS for name in self._lists):
            return list(connection.execute(self.statement, dict(given)))
        if self._lists:
            given = self._fill_lists(given)
        key = (connection.dialect.name, *(len(given[name]) for name in self._lists))
        known = self._compiled.get(key)
        if known is None:
            known = self._compiled[key] = (self._compile(connection, given), self._find_conversions(connection))
        compiled, conversions = known
        rows = fetch_raw(connection, compiled.sql, compiled.bind(given))
        if not conversions:
            return [self._make_row(row) for row in rows]
        return [self._convert(row, conversions) for row in rows]

    def first(self, connection: Connection, given: Mapping[str, Any] = NOTHING) -> Any:
        """Return the first row as a named tuple; None if there is none."""
        rows = self.all(connection, given)
        return rows[0] if rows else None

    def scalar(self, connection: Connection, given: Mapping[str, Any] = NOTHING) -> Any:
        """Return the first column of the first row; None if there is none."""
        row = self.first(connection, given)
        return None if row is None else row[0]

    def _compile(self, connection: Connection, given: Mapping[str, Any]) -> _Compiled:
        if not self._lists:
            return _compile(self.statement, connection, None)
        compiled: Any = self.statement.compile(dialect=connection.dialect)
        expanded = compiled.construct_expanded_state(dict(given))
        # Each value of a list has a name of its own.
        order = tuple((name, compiled.params.get(name)) for name in expanded.positiontup)
        return _Compiled(expanded.statement, order)

    def _fill_lists(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters with the lists filled up, and their values by the names that SQLAlchemy gives them."""
        lists = {name: _fill_up(given[name]) for name in self._lists}
        spread = {f"{name}_{place}": value for name in lists for place, value in enumerate(lists[name], 1)}
        return {**given, **lists, **spread}

    def _find_conversions(self, connection: Connection) -> list[_Conversion]:
        dialect = connection.dialect
        types = [column.type.dialect_impl(dialect) for column in self.statement.selected_columns]
        found = [each.result_processor(dialect, None) for each in types]
        return [(place, convert) for place, convert in enumerate(found) if convert is not None]

    def _convert(self, row: Iterable[Any], conversions: list[_Conversion]) -> Any:
        values = list(row)
        for place, convert in conversions:
            values[place] = convert(values[place])
        return self._make_row(values)


def _insert_of(dialect: str) -> Any:
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert
    from sqlalchemy.dialects import postgresql

    return postgresql.insert


_TAKE = "SELECT pg_advisory_xact_lock($1::BIGINT)"


def take_lock(connection: Connection, *names: str) -> None:
    """Take the named lock until the transaction ends, waiting for its holder.

    Later reads see what the previous holder committed. Does nothing on SQLite, which has one writer.
    """
    if connection.dialect.name != "sqlite":
        digest = sha256("\0".join(names).encode("utf-8", "surrogatepass")).digest()
        connection.exec_driver_sql(_TAKE, (int.from_bytes(digest[:8], "big", signed=True),))


class Instr(GenericFunction[int]):
    """`func.instr(text, part)`: the position of a part in a text, from 1; 0 if it does not occur."""

    name = "instr"
    type = Integer()
    inherit_cache = True


class Now(GenericFunction[int]):
    """`func.now_ms()`: milliseconds since 1970 by the database's clock, current even in a transaction that waited."""

    name = "now_ms"
    type = BigInteger()
    inherit_cache = True


class WithoutIndex(GenericFunction[Any]):
    """`WithoutIndex(column)`: a column to compare without an index on SQLite, which has no statistics here."""

    name = "aside"
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.type = column.type
        super().__init__(column)


@compiles(Instr, "postgresql")
def _write_instr(element: Instr, compiler: Any, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


@compiles(Now, "sqlite")
def _write_sqlite_clock(_element: Now, _compiler: Any, **_options: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(Now, "postgresql")
def _write_postgresql_clock(_element: Now, _compiler: Any, **_options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


@compiles(WithoutIndex, "sqlite")
def _write_aside(element: WithoutIndex, compiler: Any, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


@compiles(WithoutIndex, "postgresql")
def _write_plainly(element: WithoutIndex, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))
