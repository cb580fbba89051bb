"""The commands on people and their tokens."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeVar

import typer
from sqlalchemy import Connection

from app.runtime import run_program
from app.settings import load_settings
from app.system import SystemClock, SystemIds, draw_secret

T = TypeVar("T")

person_cli = typer.Typer(no_args_is_help=True, help="The people of this service (TODO_AUTH=token).")
token_cli = typer.Typer(no_args_is_help=True, help="Personal tokens, for programs and agents.")

Name = Annotated[str, typer.Argument(help="As `person list` shows it; case and accents do not matter.")]


@person_cli.command("add")
def add(
    name: Name,
    zone: Annotated[str | None, typer.Option(help="IANA time zone; default: TODO_ZONE or the machine's.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="May look after the people, on the page too.")] = False,
) -> None:
    """Add a person, and print a link with which they sign in once, within 72 hours."""
    from app.access.people import add_person

    settings, now, ids = load_settings(), _now(), SystemIds()
    user_id = _write(lambda it: add_person(it, name, zone or settings.zone, ids, now, admin=admin))
    print(_invite(user_id))


@person_cli.command("list")
def show() -> None:
    """List everybody: name, zone, open tasks, and who is an admin or disabled."""
    from app.access.people import list_people

    for each in _write(list_people):
        marks = " ".join(mark for mark in ("admin", "disabled") if each[mark])
        print(f"{each['name']:<24}{each['zone']:<24}{each['open']:>6} open  {marks}".rstrip())


@person_cli.command()
def invite(name: Name) -> None:
    """Print a new link with which a person signs in once, within 72 hours."""
    from app.access.people import find_person

    print(_invite(str(_write(lambda it: find_person(it, name).id))))


@person_cli.command()
def disable(name: Name) -> None:
    """Refuse a person at every door; what is theirs stays."""
    _set_disabled(name, disabled=True)


@person_cli.command()
def enable(name: Name) -> None:
    """Let a person in again."""
    _set_disabled(name, disabled=False)


@person_cli.command()
def remove(
    name: Name, yes: Annotated[bool, typer.Option("--yes", help="Erase without asking; there is no way back.")] = False
) -> None:
    """Erase a person and everything of theirs; events that were published stay with their consumers."""
    from app.access.people import find_person
    from app.access.removal import remove_person
    from app.migrations.schema import TABLES

    row = _write(lambda it: find_person(it, name))
    if not yes:
        typer.confirm(f"Erase {row.name} and everything of theirs, for good?", abort=True)
    count = _write(lambda it: remove_person(it, name, TABLES))
    print(f"{row.name} is erased, with {count} tasks. Events that were published stay with their consumers.")


@person_cli.command()
def adopt(name: Name) -> None:
    """Give the tasks of the one local person to NAME, when a local database becomes one of several people."""
    from app.access.people import adopt_local

    print(_invite(_write(lambda it: adopt_local(it, name))))


@person_cli.command()
def link(
    name: Name,
    subject: Annotated[str, typer.Argument(help="The issuer's id of this person: the claim `sub` of their tokens.")],
) -> None:
    """Let a subject of TODO_OIDC_ISSUER be this person."""
    from app.access.people import link_login
    from todo.errors import InvalidArguments

    issuer, now = load_settings().oidc_issuer, _now()
    if issuer is None:
        raise InvalidArguments("TODO_OIDC_ISSUER is not set.", "Set it to the issuer that knows this subject.")
    _write(lambda it: link_login(it, name, issuer, subject, now))
    print(f"{name} is {subject[:60]} at {issuer} from now on.")


@token_cli.command("create")
def create(
    user: Annotated[str, typer.Option(help="Whose it is, as `person list` shows them.")],
    name: Annotated[str, typer.Option(help='What it is for, such as "my laptop"; history shows it.')] = "",
    scopes: Annotated[
        str, typer.Option(help="tasks:read, tasks:write, tasks:delete, confirm, admin; default: the first three.")
    ] = "",
    expires: Annotated[str, typer.Option(help="How long it lasts, such as 90d; default: until it is revoked.")] = "",
    lists: Annotated[
        str,
        typer.Option(
            help='Binds it to lists by their names, such as "Work,inbox": it sees nothing else; default: all.'
        ),
    ] = "",
) -> None:
    """Make a personal token and print it; it cannot be shown again."""
    from app.access.credentials import create_credential
    from app.access.grants import read_token
    from app.access.people import find_person

    wanted = read_token({"name": name, "scopes": scopes, "expires": expires, "lists": lists})
    now, ids = _now(), SystemIds()

    def make(connection: Connection) -> str:
        person = find_person(connection, user)
        # Who can run this command has the database itself.
        grant = wanted.grant_to(str(person.id), connection, now)
        return create_credential(connection, grant, now, ids, draw_secret).secret

    print(_write(make))


@token_cli.command("list")
def list_tokens(user: Annotated[str | None, typer.Option(help="Only this person's.")] = None) -> None:
    """List the tokens and connections that hold: id, person, label, scopes, expiry, last use, and the lists of some."""
    from app.access.bindings import name_bindings
    from app.access.credentials import Kind, list_credentials
    from app.access.people import find_person, list_people

    now = _now()
    kinds: tuple[Kind, ...] = ("personal", "connection")

    def look(connection: Connection) -> list[str]:
        only = None if user is None else find_person(connection, user).id
        lines = []
        for person in list_people(connection):
            if only not in (None, person["user_id"]):
                continue
            held = [it for kind in kinds for it in list_credentials(connection, person["user_id"], kind, now)]
            name_bindings(connection, person["user_id"], held)
            for each in held:
                parts = [each["id"], person["name"], each["name"] or "-", ",".join(each["scopes"])]
                parts.append(f"until {each['expires_at'][:10]}" if "expires_at" in each else "until revoked")
                parts.append(f"used {each['last_used_at'][:16]}Z" if "last_used_at" in each else "never used")
                if "lists" in each:
                    parts.append(f"for {', '.join(it.get('name', 'a deleted list') for it in each['lists'])}")
                lines.append("  ".join(parts))
        return lines

    for line in _write(look):
        print(line)


@token_cli.command()
def revoke(token_id: Annotated[str, typer.Argument(metavar="ID", help="As `token list` shows it.")]) -> None:
    """Refuse a token from now on, within a second in every process, with the sessions that it opened."""
    from app.access.credentials import revoke_any

    now = _now()
    if not _write(lambda it: revoke_any(it, token_id, now)):
        print("There is no such token, or it is revoked already.")
        raise typer.Exit(1)
    print("Revoked.")


def _set_disabled(name: str, *, disabled: bool) -> None:
    from app.access.people import set_disabled

    now = _now()
    _write(lambda it: set_disabled(it, name, now, disabled=disabled))
    print(f"{name} is {'refused' if disabled else 'let in'} from now on.")


def _invite(user_id: str) -> str:
    from app.access.credentials import create_credential
    from app.access.grants import grant_invitation, link_invitation

    settings, now, ids = load_settings(), _now(), SystemIds()
    made = _write(lambda it: create_credential(it, grant_invitation(user_id, now), now, ids, draw_secret))
    note = "" if settings.auth == "token" else "\nIt works as soon as the service runs with TODO_AUTH=token."
    return f"{link_invitation(settings.url, made.secret)}{note}"


def _write(use_case: Callable[[Connection], T]) -> T:
    from app.service import open_database

    async def run() -> T:
        database, _ = await open_database(load_settings())
        try:
            return await database.write(use_case)
        finally:
            await database.close()

    return run_program(run())


def _now() -> datetime:
    return SystemClock().now()
