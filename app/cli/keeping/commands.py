"""The commands by which what is stored is kept, moved and looked at, with their options."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.runtime import run_program
from app.settings import load_settings

keeping_cli = typer.Typer()


@keeping_cli.command(epilog="`backup verify FILE` reads a backup whole, counts, and compares outbox and record.")
def backup(
    file: Annotated[str, typer.Argument(help="Where to, or `verify`.", metavar="FILE")],
    verified: Annotated[Path | None, typer.Argument(help="With `verify`: the backup.", metavar="[FILE]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Copy the whole database into FILE while the service runs; an older backup stays until the new one is whole."""
    from app.cli.keeping.backup import make_backup, verify_backup

    if verified is not None and file != "verify":
        raise typer.BadParameter("write `backup FILE`, or `backup verify FILE`")
    report = make_backup(load_settings(), Path(file)) if verified is None else verify_backup(verified)
    print(json.dumps(report.write()) if as_json else report.describe())
    if not report.ok:
        sys.exit(1)


@keeping_cli.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A backup, as `backup` made it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace the database without asking.")] = False,
) -> None:
    """Put a backup in the place of the database of a stopped service; what was there is kept aside."""
    from app.cli.keeping.backup import restore_backup

    settings = load_settings()
    if not yes:
        typer.confirm(f"Replace {settings.database_place} by {file}?", abort=True)
    print(restore_backup(settings, file))


@keeping_cli.command("export")
def export_tasks(
    file: Annotated[Path | None, typer.Argument(help="Where to; default: standard output.")] = None,
    user: Annotated[str | None, typer.Option(help="Whose, with TODO_AUTH=token.")] = None,
) -> None:
    """Write everything of a person as JSON Lines: tasks, series, reminders, history, settings; no secrets."""
    from app.cli.keeping.transfer import export_to

    print(run_program(export_to(load_settings(), file, user)), file=sys.stderr)


@keeping_cli.command("import")
def import_tasks(
    file: Annotated[Path, typer.Argument(help="Of this product, Todoist, TickTick, Taskwarrior, Google, Vikunja, …")],
    wanted: Annotated[str | None, typer.Option("--format", help="Told from the content by default.")] = None,
    user: Annotated[str | None, typer.Option(help="Whose they become, with TODO_AUTH=token.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without, it is only said what would come.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as JSON.")] = False,
) -> None:
    """Say what a file would bring, and with --apply bring it in as one change that one undo takes back."""
    from app.cli.keeping.transfer import describe_import, import_from

    answer = run_program(import_from(load_settings(), file, wanted, user, apply=apply))
    print(json.dumps(answer, ensure_ascii=False) if as_json else describe_import(answer))
