"""TickTick's CSV: some lines of its own come before the table."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from todo.errors import InvalidArguments, InvalidTime
from todo.text.when import read_zone
from todo.transfer.draft import Draft, Reading
from todo.transfer.formats.periods import read_trigger
from todo.transfer.formats.table import read_rows

_PRIORITIES = {"0": "none", "1": "low", "3": "medium", "5": "high"}
_HEAD = re.compile(r'^"?(?:Folder Name"?,"?)?List Name"?,"?Title"?,', re.MULTILINE)
_NEEDED = {"list name", "title", "status", "due date"}


def is_table(text: str) -> bool:
    """Return whether a text is one of these files."""
    return _HEAD.search(text[:4_000]) is not None


def read_table(text: str, reading: Reading) -> None:
    """Read all lists."""
    columns: dict[str, int] = {}
    for line, row in read_rows(text):
        if not columns:
            names = [name.lower() for name in row]
            columns = {name: place for place, name in enumerate(names)} if set(names) >= _NEEDED else {}
            continue
        cells = {name: row[place] if place < len(row) else "" for name, place in columns.items()}
        if cells.get("kind", "").upper() == "NOTE":
            reading.refuse(line, "It is a note and no task.")
            continue
        try:
            reading.add(_read_task(line, cells, reading))
        except ValueError:
            reading.refuse(line, "A date of it cannot be read.")
    if not columns:
        raise InvalidArguments("The file has no line with the names of its columns.", "Export it again from TickTick.")


def _read_task(line: int, cells: dict[str, str], reading: Reading) -> Draft:
    all_day = cells.get("is all day", "").lower() == "true"
    floating = cells.get("is floating", "").lower() == "true"
    zone = _find_zone(cells.get("timezone", ""))
    if cells.get("timezone") and zone is None:
        reading.remark(line, f"The time zone {cells['timezone'][:40]!r} is unknown; yours is taken.")
    reminders = []
    for given in cells.get("reminder", "").replace("\n", ",").split(","):
        if given.strip() and (before := read_trigger(given.strip().removeprefix("TRIGGER:"))) is not None:
            reminders.append(before)
        elif given.strip():
            reading.remark(line, "A reminder after its due is left out.")
    rule = cells.get("repeat", "").splitlines()
    given_rule = next((each for each in rule if "FREQ=" in each.upper()), "")
    return Draft(
        line,
        cells.get("title", ""),
        cells.get("taskid", ""),
        cells.get("content", ""),
        _read_due(cells.get("due date", "") or cells.get("start date", ""), zone, all_day=all_day, floating=floating),
        "" if all_day or floating or zone is None else zone.key,
        _PRIORITIES.get(cells.get("priority", ""), "none"),
        tuple(tag.strip() for tag in cells.get("tags", "").split(",") if tag.strip()),
        cells.get("list name", ""),
        cells.get("parentid", ""),
        is_done=cells.get("status", "0") not in ("", "0"),
        completed_at=_read_instant(cells.get("completed time", "")),
        rule=given_rule.partition(":")[2] if given_rule.upper().startswith(("RRULE:", "ERULE:")) else given_rule,
        reminders=tuple(reminders),
    )


def _find_zone(name: str) -> ZoneInfo | None:
    try:
        return read_zone(name) if name else None
    except InvalidTime:
        return None


def _read_due(text: str, zone: ZoneInfo | None, *, all_day: bool, floating: bool) -> str:
    if not text:
        return ""
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
    local = at if zone is None else at.astimezone(zone)
    if all_day:
        return local.date().isoformat()
    if floating:
        return local.replace(tzinfo=None).isoformat(timespec="minutes")
    return at.isoformat()


def _read_instant(text: str) -> str:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").isoformat() if text else ""
