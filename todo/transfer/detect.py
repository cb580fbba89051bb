"""Which product a file comes from, judged by its content."""

from typing import Any

from todo.errors import InvalidArguments
from todo.transfer.draft import Reading
from todo.transfer.formats import documents, plain, ticktick, todoist, vtodo
from todo.transfer.formats.container import MOST_BYTES, read_members, read_text
from todo.transfer.own import MARK, Rows, read_own

FORMATS = ("own", "todoist", "ticktick", "taskwarrior", "ical", "google", "vikunja", "text")
_NAMES = {
    "own": "an export of this product",
    "todoist": "Todoist",
    "ticktick": "TickTick",
    "taskwarrior": "Taskwarrior",
    "ical": "a calendar program",
    "google": "Google Tasks",
    "vikunja": "Vikunja",
    "text": "plain text",
}


class Found:
    """A file that was read: its format, and its drafts, or for our own its rows."""

    def __init__(self, name: str, reading: Reading, rows: Rows | None = None) -> None:
        self.name = name
        self.reading = reading
        self.rows = rows

    @property
    def said(self) -> str:
        """The format in words."""
        return _NAMES[self.name]


def read_file(content: bytes, wanted: str | None = None) -> Found:
    """Read a file; raises `InvalidArguments` for one that is damaged, empty, too large, or of no known format."""
    if wanted is not None and wanted not in FORMATS:
        raise InvalidArguments(f"There is no format {wanted[:30]!r}.", f"These are read: {', '.join(FORMATS)}.")
    if not content.strip():
        raise InvalidArguments("The file is empty.", "Export it again.")
    if len(content) > MOST_BYTES:
        raise InvalidArguments(f"The file is larger than {MOST_BYTES >> 20} MiB.", "Split it.")
    found = _read_archive(content) if content[:4] == b"PK\x03\x04" else _read_text(read_text(content), wanted)
    if wanted not in (None, found.name):
        raise InvalidArguments(f"This looks like {found.said}, not {_NAMES[str(wanted)]}.", "Leave the format out.")
    if found.rows is None and not found.reading.drafts and not found.reading.refused:
        raise InvalidArguments("The file holds no task.", "Export it again, or name the format.")
    return found


def _read_archive(content: bytes) -> Found:
    reading = Reading()
    members = read_members(content)
    for name, member in members.items():
        if name.rpartition("/")[2] == "data.json":
            documents.read_vikunja(documents.read_json(read_text(member)), reading)
            return Found("vikunja", reading)
    todoist.read_archive(members, reading)
    if not reading.drafts:
        raise InvalidArguments("The archive is neither Todoist's nor Vikunja's.", "Import a file of it.")
    return Found("todoist", reading)


def _read_text(text: str, wanted: str | None) -> Found:
    reading = Reading()
    begin = text.lstrip()
    if begin.startswith(MARK):
        return Found("own", reading, read_own(text))
    if wanted == "text":
        plain.read_plain(text, reading)
        return Found("text", reading)
    if todoist.is_table(text):
        todoist.read_table(text, reading)
        return Found("todoist", reading)
    if ticktick.is_table(text):
        ticktick.read_table(text, reading)
        return Found("ticktick", reading)
    if vtodo.is_calendar(text):
        vtodo.read_calendar(text, reading)
        return Found("ical", reading)
    if begin[:1] in ("[", "{") and begin[1:2] not in (" ", "x", "X"):
        return _read_document(documents.read_json(text), reading)
    plain.read_plain(text, reading)
    return Found("text", reading)


def _read_document(document: Any, reading: Reading) -> Found:
    for name, fits, read in (
        ("google", documents.is_google, documents.read_google),
        ("taskwarrior", documents.is_taskwarrior, documents.read_taskwarrior),
        ("vikunja", documents.is_vikunja, documents.read_vikunja),
    ):
        if fits(document):
            read(document, reading)
            return Found(name, reading)
    raise InvalidArguments(
        "It is JSON of a kind that is not known here.",
        "Taskwarrior's export, Google Tasks' Takeout, Vikunja's export and our own are read.",
    )
