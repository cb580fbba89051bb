"""Todoist's CSV of one project, and its backup: an archive of one CSV per project."""

import re
from pathlib import PurePosixPath

from todo.transfer.draft import Draft, Reading
from todo.transfer.formats.container import read_text
from todo.transfer.formats.table import read_rows

_PRIORITIES = {"1": "high", "2": "medium", "3": "low", "4": "none"}
_LABEL = re.compile(r"(?:^|(?<=\s))@([^\s@]+)")
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?Z?)?")
_FILE = re.compile(r"^(.*?)(?: \[\w+\])?$")


def is_table(text: str) -> bool:
    """Return whether a text begins as one of these files."""
    head = text.lstrip("\ufeff").split("\n", 1)[0].upper()
    return head.replace('"', "").startswith("TYPE,CONTENT")


def read_archive(members: dict[str, bytes], reading: Reading) -> None:
    """Read each project of a backup; its name is the file's."""
    for name, content in members.items():
        path = PurePosixPath(name)
        if path.suffix.lower() == ".csv" and is_table(text := read_text(content)):
            found = _FILE.match(path.stem)
            read_table(text, reading, found[1] if found else path.stem)


def read_table(text: str, reading: Reading, project: str = "") -> None:
    """Read one project."""
    columns: dict[str, int] = {}
    above: list[str] = []
    section = ""
    for line, row in read_rows(text):
        if not columns:
            columns = {name.upper(): place for place, name in enumerate(row)}
            continue
        cells = {name: row[place] if place < len(row) else "" for name, place in columns.items()}
        match cells.get("TYPE", "").lower():
            case "section":
                section = cells.get("CONTENT", "")
            case "note" if reading.drafts:
                reading.drafts[-1] = reading.drafts[-1].with_note(cells.get("CONTENT", ""))
            case "task":
                level = int(cells["INDENT"]) if cells.get("INDENT", "").isascii() and cells["INDENT"].isdigit() else 1
                source = f"{project}:{line}"
                del above[max(level, 1) - 1 :]
                reading.add(_read_task(line, cells, source, above[-1] if above else "", project, section))
                above.append(source)
            case "" | "meta" | "note":
                pass
            case other:
                reading.refuse(line, f"There is no kind {other[:30]!r} of rows here.")


def _read_task(line: int, cells: dict[str, str], source: str, parent: str, project: str, section: str) -> Draft:
    content = cells.get("CONTENT", "")
    labels = _LABEL.findall(content)
    when = cells.get("DATE", "")
    exact = _ISO.fullmatch(when)
    draft = Draft(
        line,
        " ".join(_LABEL.sub("", content).removeprefix("* ").split()),
        source,
        cells.get("DESCRIPTION", ""),
        when.replace(" ", "T") if exact else "",
        cells.get("TIMEZONE", "") if exact and len(when) > 10 else "",
        _PRIORITIES.get(cells.get("PRIORITY", ""), "none"),
        tuple(labels),
        project,
        parent,
        repeat="" if exact else when,
    )
    return draft.with_note(f"Section: {section}") if section else draft
