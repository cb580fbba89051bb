"""Row-level security on PostgreSQL: the second wall, made from the tables themselves after every migration."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from sqlalchemy import Connection, Table

from app.access.ownership import NOBODYS, OWNER, PARENTS, PERSON
from app.migrations.schema import TABLES
from app.storage.wall import EVERYBODY, PEOPLE, SERVICE, SETTING

# As a query of its own it is asked once for each statement and not once for each row, and an index can serve it.
_CALLER = f"(SELECT nullif(current_setting('{SETTING}', true), ''))"
_ROLES = f"""
DO $$ BEGIN
  IF (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) THEN
    BEGIN CREATE ROLE {PEOPLE} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
    BEGIN CREATE ROLE {SERVICE} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
    BEGIN EXECUTE format('GRANT {PEOPLE} TO %I', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
  END IF;
END $$
"""  # noqa: S608  # our own names
_KNOWN = """
SELECT c.relname, obj_description(p.oid, 'pg_policy') FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE p.polname = 'service' AND c.relnamespace = current_schema()::regnamespace
"""
_NUMBERS = """
CREATE OR REPLACE FUNCTION taken_numbers(feed text, after bigint, newest bigint) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE caller text := current_setting('app.user', true);
BEGIN
  PERFORM set_config('app.user', '*', true);
  IF feed = 'activity' THEN
    RETURN QUERY SELECT seq FROM activity WHERE seq > after AND seq <= newest;
  ELSIF feed = 'notification' THEN
    RETURN QUERY SELECT seq FROM notification WHERE seq > after AND seq <= newest;
  END IF;
  PERFORM set_config('app.user', caller, true);
END $$
"""
"""Lets a person's transaction see which row numbers of a feed are taken, and nothing of the rows."""


def raise_walls(connection: Connection, tables: Sequence[Table] = TABLES) -> bool:
    """Put every table behind its policies, where they are not as they should be; return whether anything changed.

    The roles are made if the migrating role may make roles; an operator can also have made them before.
    """
    connection.exec_driver_sql(_ROLES)
    names = (PEOPLE, SERVICE)
    known = connection.exec_driver_sql("SELECT rolname FROM pg_roles WHERE rolname IN ($1, $2)", names).scalars().all()
    roles = [name for name in names if name in known]
    standing = {row[0]: row[1] for row in connection.exec_driver_sql(_KNOWN)}
    changed = False
    for table in tables:
        statements = list(_wall_in(table, roles))
        mark = sha256("\n".join(statements).encode()).hexdigest()[:16]
        if standing.get(table.name) != mark:
            changed = True
            for statement in (*statements, f"COMMENT ON POLICY service ON {table.name} IS '{mark}'"):
                connection.exec_driver_sql(statement)
    if changed:
        for statement in _open_what_is_shared(roles):
            connection.exec_driver_sql(statement)
    return changed


def _wall_in(table: Table, roles: Sequence[str]) -> Iterator[str]:
    name = table.name
    yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"
    yield f"DROP POLICY IF EXISTS people ON {name}"
    yield f"DROP POLICY IF EXISTS service ON {name}"
    if name not in NOBODYS:
        yield f"CREATE POLICY people ON {name} USING ({_is_own(table)})"
    owners = ", ".join(["CURRENT_USER", *(role for role in roles if role == SERVICE)])
    yield f"CREATE POLICY service ON {name} TO {owners} USING ({_CALLER} = '{EVERYBODY}')"
    for role in roles:
        yield f"REVOKE ALL ON {name} FROM {role}"
        if role == SERVICE or name not in NOBODYS:
            yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {role}"
            if (number := table.autoincrement_column) is not None:
                yield f"GRANT USAGE ON SEQUENCE {name}_{number.name}_seq TO {role}"


def _is_own(table: Table) -> str:
    if table.name == PERSON:
        return f"id = {_CALLER}"
    if OWNER in table.c:
        return f"{OWNER} = {_CALLER}"
    parent = PARENTS[table.name]
    # The parent's own policy decides whose it is.
    return f"EXISTS (SELECT FROM {parent.table} AS parent WHERE parent.{parent.key} = {table.name}.{parent.column})"


def _open_what_is_shared(roles: Sequence[str]) -> Iterator[str]:
    yield _NUMBERS
    yield "REVOKE ALL ON FUNCTION taken_numbers FROM PUBLIC"
    yield "GRANT EXECUTE ON FUNCTION taken_numbers TO CURRENT_USER"
    for role in roles:
        yield f"GRANT EXECUTE ON FUNCTION taken_numbers TO {role}"
        yield f"GRANT SELECT ON alembic_version TO {role}"
        yield (
            f"DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO {role}', current_schema()); "
            "EXCEPTION WHEN insufficient_privilege THEN NULL; END $$"
        )
