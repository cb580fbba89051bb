"""JSON documents: Taskwarrior's export, Google Tasks of Takeout, and Vikunja's export."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from todo.errors import InvalidArguments
from todo.transfer.draft import Draft, Reading
from todo.transfer.formats.periods import read_compact, write_minutes

_WARRIOR = {"H": "high", "M": "medium", "L": "low"}
_RECUR = {
    "daily": "FREQ=DAILY",
    "weekdays": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    "weekly": "FREQ=WEEKLY",
    "biweekly": "FREQ=WEEKLY;INTERVAL=2",
    "fortnight": "FREQ=WEEKLY;INTERVAL=2",
    "monthly": "FREQ=MONTHLY",
    "quarterly": "FREQ=MONTHLY;INTERVAL=3",
    "semiannual": "FREQ=MONTHLY;INTERVAL=6",
    "annual": "FREQ=YEARLY",
    "yearly": "FREQ=YEARLY",
    "biannual": "FREQ=YEARLY;INTERVAL=2",
}
_VIKUNJA = ("none", "low", "medium", "high", "high", "high")
_DAY = 86_400


def read_json(text: str) -> Any:
    """Return a JSON document, or the objects of JSON Lines; raises `InvalidArguments` with the line."""
    try:
        return from_json(text)
    except ValueError as error:
        whole = str(error)
    objects = []
    for line, part in enumerate(text.splitlines(), 1):
        if part.strip():
            try:
                objects.append(from_json(part.rstrip().rstrip(",")))
            except ValueError:
                where = f"Line {line}" if objects else "The file"
                raise InvalidArguments(f"{where} is not JSON: {whole[:100]}.", "Export it again.") from None
    return objects


def is_taskwarrior(document: Any) -> bool:
    """Return whether a document is Taskwarrior's."""
    return _is_list_of(document, "description", "uuid")


def is_google(document: Any) -> bool:
    """Return whether a document is Google's."""
    return isinstance(document, dict) and document.get("kind") == "tasks#taskLists"


def is_vikunja(document: Any) -> bool:
    """Return whether a document is Vikunja's."""
    return _is_list_of(document, "title", "tasks")


def read_taskwarrior(document: Any, reading: Reading) -> None:
    """Read `task export`; instances of a recurring task are left to the series that begins here."""

    def read(line: int, given: Mapping[str, Any]) -> Draft | None:
        status = given.get("status", "pending")
        if status == "deleted" or (given.get("parent") and status in ("pending", "waiting")):
            return None
        notes = "\n".join(_text(each, "description") for each in _objects(given.get("annotations")))
        recur = _text(given, "recur")
        return Draft(
            line,
            _text(given, "description"),
            _text(given, "uuid"),
            notes,
            read_compact(due) if (due := _text(given, "due")) else "",
            priority=_WARRIOR.get(_text(given, "priority"), "none"),
            tags=tuple(tag for tag in given.get("tags") or () if isinstance(tag, str)),
            list_name=_text(given, "project"),
            is_done=status == "completed",
            completed_at=read_compact(end) if status == "completed" and (end := _text(given, "end")) else "",
            rule=_RECUR.get(recur, "") if status == "recurring" else "",
            repeat=f"every {recur}" if status == "recurring" and recur not in _RECUR else "",
        )

    _read_all(document, reading, read)


def read_google(document: Any, reading: Reading) -> None:
    """Read the task lists; Google keeps a due's date alone."""
    count = 0
    for group in _objects(document.get("items")):
        name = _text(group, "title")

        def read(line: int, given: Mapping[str, Any], name: str = name) -> Draft | None:
            if given.get("deleted") is True:
                return None
            done = given.get("status") == "completed"
            return Draft(
                line,
                _text(given, "title"),
                _text(given, "id"),
                _text(given, "notes"),
                _text(given, "due")[:10],
                list_name=name,
                parent=_text(given, "parent"),
                is_done=done,
                completed_at=_text(given, "completed") if done else "",
            )

        tasks = group.get("items") or []
        _read_all(tasks, reading, read, count)
        count += len(tasks)


def read_vikunja(document: Any, reading: Reading) -> None:
    """Read the projects."""
    count = 0
    for project in _objects(document):
        name = _text(project, "title")

        def read(line: int, given: Mapping[str, Any], name: str = name) -> Draft | None:
            return _read_vikunja_task(line, given, name, reading)

        tasks = project.get("tasks") or []
        _read_all(tasks, reading, read, count)
        count += len(tasks)


def _read_vikunja_task(line: int, given: Mapping[str, Any], project: str, reading: Reading) -> Draft:
    related = given.get("related_tasks")
    parents = _objects(related.get("parenttask")) if isinstance(related, dict) else []
    due = _vikunja_time(given, "due_date")
    reminders = []
    for each in _objects(given.get("reminders")):
        period = each.get("relative_period")
        if each.get("relative_to") == "due_date" and isinstance(period, int) and period <= 0:
            reminders.append(write_minutes(-period // 60))
        elif at := _vikunja_time(each, "reminder"):
            reminders.append(at)
    seconds = given.get("repeat_after") or 0
    rule = ""
    if given.get("repeat_mode") == 1:
        rule = "FREQ=MONTHLY"
    elif isinstance(seconds, int) and seconds > 0 and seconds % _DAY == 0:
        rule = f"FREQ=DAILY;INTERVAL={seconds // _DAY}"
    elif seconds:
        reading.remark(line, f"It repeats every {seconds} seconds, which is kept in its notes.")
    level = given.get("priority")
    draft = Draft(
        line,
        _text(given, "title"),
        str(given.get("id") or ""),
        _text(given, "description"),
        due,
        priority=_VIKUNJA[level] if isinstance(level, int) and 0 <= level < len(_VIKUNJA) else "none",
        tags=tuple(_text(each, "title") for each in _objects(given.get("labels"))),
        list_name=project,
        parent=str(parents[0].get("id") or "") if parents else "",
        is_done=given.get("done") is True,
        completed_at=_vikunja_time(given, "done_at") if given.get("done") is True else "",
        rule=rule,
        after_completion=given.get("repeat_mode") == 2,
        reminders=tuple(reminders),
    )
    return draft.with_note(f"Repeats every {seconds} seconds") if seconds and not rule else draft


def _vikunja_time(given: Mapping[str, Any], name: str) -> str:
    """Return an instant; Vikunja writes year 1 where there is none."""
    text = _text(given, name)
    return "" if text.startswith("0001-") else text


def _read_all(
    given: Any, reading: Reading, read: Callable[[int, Mapping[str, Any]], Draft | None], before: int = 0
) -> None:
    for place, each in enumerate(given if isinstance(given, list) else [], before + 1):
        if not isinstance(each, dict):
            reading.refuse(place, "It is no object.")
            continue
        try:
            draft = read(place, each)
        except ValueError:
            reading.refuse(place, "A date of it cannot be read.")
            continue
        if draft is not None:
            reading.add(draft)


def _is_list_of(document: Any, *names: str) -> bool:
    first = document[0] if isinstance(document, list) and document else None
    return isinstance(first, dict) and all(name in first for name in names)


def _objects(given: Any) -> list[dict[str, Any]]:
    return [each for each in _items(given) if isinstance(each, dict)]


def _items(given: Any) -> Iterator[Any]:
    return iter(given) if isinstance(given, list) else iter(())


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""
