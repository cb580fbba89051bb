"""The time of `find_tasks` with many tasks against its time with few."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

from app.bench.full_file import COMMON_WORD, PARENT, RARE_WORD, TAGS
from app.bench.full_file import LISTS as NAMES
from app.bench.rows import Row, compare, hold, pick
from app.identity import LOCAL_PERSON
from app.storage.sqlite import Handle, SqliteFile
from app.system import SystemClock, SystemIds
from todo.record.work import Work
from todo.requests.schemas import FindTasks
from todo.tasks.search import FindAnswer, find_tasks

LONGEST_MS = 100
"""Most milliseconds for any combination of filters."""

LISTS: dict[str, dict[str, Any]] = {
    "open by due": {},
    "overdue": {"status": "overdue"},
    "one tag": {"tags": [TAGS[3]]},
    "due within a week": {"due_from": "today", "due_until": "in 7 days"},
    "one list": {"list": NAMES[3]},
    "available": {"available": True},
}
TEXTS: dict[str, dict[str, Any]] = {
    "text in 10 tasks": {"text": RARE_WORD},
    "text in all tasks": {"text": COMMON_WORD},
}


def measure_searches(few: Path, many: Path, repeats: int) -> list[Row]:
    """Measure on a file with few tasks and on one with many."""
    readers = [SqliteFile(path).reader() for path in (few, many)]
    try:
        rows: list[Row] = []
        for name, given in ((name, _with_dates(given)) for name, given in LISTS.items()):
            rows.append(_compare(f"find: {name}", readers, given, repeats, 1.5))
            rows.append(_compare(f"find: {name}, page 2", readers, given, repeats, 1.5, page=2))
        rows.append(_compare("find: one parent", readers, {"parent_id": PARENT}, repeats, 1.5))
        rows += [_compare(f"find: {name}", readers, given, repeats, 5) for name, given in TEXTS.items()]
        times = [(_time(readers[1], given, 1 + repeats // 300), given) for given in combine()]
        for times_of, given in sorted(times, key=lambda each: -max(each[0]))[:3]:
            rows.append(hold(f"find: {describe(given)}", max(times_of) * 1e3, "ms", below=LONGEST_MS))
        rows.append(hold(f"find: slowest of {len(times)} others", max(max(each) for each, _ in times) * 1e3, "ms"))
        return rows
    finally:
        for reader in readers:
            reader.close()


def combine() -> Iterator[dict[str, Any]]:
    """Yield the combinations of filters that have a fixed time limit."""
    sorts = ("due", "-due", "priority", "created", "completed", "title")
    filters: tuple[dict[str, Any], ...] = (
        {},
        {"has_reminder": True},
        {"has_reminder": False},
        {"priority": "high"},
        {"tags": [TAGS[3]]},
        {"tags": [TAGS[3], TAGS[10]]},
        {"tags": ["nowhere"]},
        {"text": RARE_WORD},
        {"text": COMMON_WORD},
        {"text": "garden"},
        {"text": "ga"},
        {"text": "nowhere"},
        {"text": "garden", "tags": [TAGS[3]]},
        {"text": COMMON_WORD, "tags": [TAGS[3]], "priority": "high"},
        {"text": RARE_WORD, "has_reminder": True},
        {"due_until": "2100-01-01", "priority": "low"},
        {"list": NAMES[3]},
        {"list": "inbox", "available": False},
        {"parent_id": PARENT},
        {"completed_from": "2000-01-01"},
    )
    for sort, status, given in product(sorts, ("open", "completed", "overdue", "all"), filters):
        yield {"sort": sort, "status": status, **given}


def describe(given: dict[str, Any]) -> str:
    """Return a short description of the filters."""
    return " ".join(f"{name}={'+'.join(value) if isinstance(value, list) else value}" for name, value in given.items())


def _with_dates(given: dict[str, Any]) -> dict[str, Any]:
    from datetime import timedelta

    now = SystemClock().now()
    dates = {"today": f"{now:%Y-%m-%d}", "in 7 days": f"{now + timedelta(days=7):%Y-%m-%d}"}
    return {name: dates.get(value, value) if isinstance(value, str) else value for name, value in given.items()}


def _compare(name: str, readers: list[Handle], given: dict[str, Any], repeats: int, most: float, page: int = 1) -> Row:
    times: list[list[float]] = [[], []]
    for _ in range(10):  # alternating, so that a slow moment of the machine affects both
        for reader, seen in zip(readers, times, strict=True):
            seen.extend(_time(reader, given, max(repeats // 10, 1), page))
    few, many = (pick(seen, 0.99) * 1e3 for seen in times)
    return compare(f"{name}: p99", many, "ms", ("with few", few), at_most=most)


def _time(reader: Handle, given: dict[str, Any], repeats: int, page: int = 1) -> list[float]:
    ids, clock, who = SystemIds(), SystemClock(), LOCAL_PERSON
    request = FindTasks(**given)

    def find() -> FindAnswer:
        return reader.query(lambda connection: find_tasks(Work(connection, who, clock.now(), ids), request))

    for _ in range(page - 1):
        request = FindTasks(**given, cursor=find()["next_cursor"])
    find()
    times = []
    for _ in range(repeats):
        since = perf_counter()
        find()
        times.append(perf_counter() - since)
    return times
