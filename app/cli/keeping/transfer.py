"""The commands `export` and `import`."""

import shutil
import sys
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

from app.access.people import find_person
from app.backup.place import replace_whole
from app.cli.call_tool import settle
from app.identity import LOCAL_PERSON
from app.service import Service, open_service
from app.settings import Settings
from app.transfer import export_person, import_file
from todo.errors import InvalidArguments
from todo.record.scopes import PERSON
from todo.record.work import Who
from todo.transfer.formats.container import MOST_BYTES

_IN_MEMORY = 4 << 20


async def export_to(settings: Settings, path: Path | None, user: str | None) -> str:
    """Write a person's export into a file, or to standard output; return in words what was written."""
    async with open_service(settings) as service:
        who = await _find(service, user)
        if path is None:
            with SpooledTemporaryFile(_IN_MEMORY) as kept:
                lines = await export_person(service.store, who, kept)
                kept.seek(0)
                shutil.copyfileobj(kept, sys.stdout.buffer)
                sys.stdout.flush()
            return f"{lines} lines."
        with replace_whole(path) as part, part.open("r+b") as file:
            lines = await export_person(service.store, who, file)
    return f"{lines} lines are in {path}."


async def import_from(
    settings: Settings, path: Path, wanted: str | None, user: str | None, *, apply: bool
) -> dict[str, Any]:
    """Return what a file would bring, or has brought; raises `InvalidArguments`."""
    content = _read_content(path)
    shows = sys.stderr.isatty()

    def progress(done: int, of: int) -> None:
        if shows:
            print(f"\r{done * 100 // of} %", end="" if done < of else "\n", file=sys.stderr, flush=True)

    async with open_service(settings) as service:
        who = await _find(service, user)
        answer = await import_file(service.store, who, content, wanted, apply=apply, progress=progress)
        if apply and not await service.database.read(service.background.lease.is_held):
            await settle(service)
    return answer


def describe_import(answer: dict[str, Any]) -> str:
    """Return the answer in words, line by line."""
    lines = [answer["message"]]
    for name, title in (("refused", "Not taken over"), ("remarks", "Kept in another form")):
        if name in answer:
            lines.append(f"{title}:")
            lines += [f"  line {each['line']}: {each['text']}" for each in answer[name]]
        if f"{name}_left_out" in answer:
            lines.append(f"  and {answer[f'{name}_left_out']} more")
    if "near" in answer:
        lines.append("Open tasks of the same title are here already:")
        lines += [f"  line {each['line']}: {each['title']}" for each in answer["near"]]
    if not answer["applied"]:
        lines.append("Add --apply to do it.")
    return "\n".join(lines)


def _read_content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InvalidArguments(f"The file is larger than {MOST_BYTES >> 20} MiB.", "Split it.")
        return path.read_bytes()
    except OSError as error:
        raise InvalidArguments(f"{path} cannot be read: {error.strerror}.", "Name a file.") from None


async def _find(service: Service, user: str | None) -> Who:
    """Return the person whose tasks are meant; who can run this command has the database itself."""
    if service.door is None:
        if user is not None:
            raise InvalidArguments("--user is of use with TODO_AUTH=token alone.", "Leave it out.")
        return LOCAL_PERSON
    if user is None:
        raise InvalidArguments("Say whose tasks are meant.", "Add --user NAME, as `person list` shows it.")
    row = await service.database.read(lambda connection: find_person(connection, user))
    return Who(str(row.id), "person", "rest", "shell", "shell", scopes=PERSON)
