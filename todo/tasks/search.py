"""The use case that finds tasks: filters, order, stable pages, and search by words."""

from datetime import date
from typing import Any, Literal, NotRequired, cast

from pydantic_core import to_json
from sqlalchemy import bindparam, func, select, text
from typing_extensions import TypedDict  # typing has one that pydantic reads from Python 3.12 on

from events.instants import write_instant
from events.sql import HotQuery, is_sqlite
from todo.channels.where import describe_where
from todo.errors import InvalidArguments
from todo.record.lists import find_list, list_archived, load_lists
from todo.record.queries import REMINDER, TASK, SimilarTask, load_task, name_similar
from todo.record.shapes import NowShape, TaskRow
from todo.record.views import PRIORITIES
from todo.record.work import Work
from todo.requests import paging
from todo.requests.operation import READS, Operation
from todo.requests.schemas import FindTasks, TaskFilter
from todo.tasks.conditions import COUNTED, LONGEST_WORD, Search, number_names
from todo.tasks.found import FoundTask, view_rows
from todo.tasks.lists import count_open
from todo.tasks.near_titles import find_near_titles
from todo.tasks.orders import (
    BY_DUE,
    BY_NUMBER,
    BY_REMINDER,
    BY_SORT,
    BY_TAG,
    WAITS,
    Condition,
    Lead,
    Order,
    choose_order,
)
from todo.tasks.search_index import UNINDEXED
from todo.tasks.upcoming import UpcomingDate, find_upcoming
from todo.text import when
from todo.text.list_names import INBOX, fold_name
from todo.text.search_words import fold_tag, fold_words

MOST_BYTES = 45_000
"""JSON of a page's rows; an answer is sent as text and as structure, together below 25,000 tokens."""
FEW_HITS = 2_000
"""Up to so many hits, of words or of reminders, these lead and are sorted; beyond, the order leads and each row is
checked."""


class ListCount(TypedDict):
    """A list, with the number of its open tasks."""

    name: str
    open: int


class FindAnswer(NowShape):
    """A page of results; `also_completed` counts completed tasks with the same words.

    `near_titles` stands where no task has the words, `lists` where no list has the name, `total_leaves_out` where there
    is more than `total` counts. `rings` says where reminders ring, if tasks with a waiting reminder were asked for.
    """

    tasks: list[FoundTask]
    upcoming: NotRequired[list[UpcomingDate]]
    also_completed: NotRequired[int]
    also_completed_titles: NotRequired[list[SimilarTask]]
    near_titles: NotRequired[list[SimilarTask]]
    next_cursor: NotRequired[str]
    total: int
    total_is_minimum: NotRequired[bool]
    warnings: NotRequired[list[str]]
    total_leaves_out: NotRequired[str]
    rings: NotRequired[str]
    lists: NotRequired[list[ListCount]]


_HITS = text("SELECT rowid FROM task_search WHERE task_search MATCH :match LIMIT :limit")
_EXACT = HotQuery(
    select(TASK.c.number)
    .where(TASK.c.user_id == bindparam("user"), TASK.c.deleted_at.is_(None), TASK.c.title_key == bindparam("exact"))
    .limit(1)
)
_COUNT_WAITING = HotQuery(
    select(func.count()).select_from(
        select(REMINDER.c.id).where(REMINDER.c.user_id == bindparam("user"), WAITS).limit(bindparam("limit")).subquery()
    )
)
Conditions = dict[str, Any]
"""Conditions of a search: the values by their names."""


def find_tasks(work: Work, request: FindTasks, besides: TaskFilter | None = None) -> FindAnswer:
    """Return a page: `{tasks, upcoming?, also_completed?, near_titles?, next_cursor?, total, …, now}`.

    `total_is_minimum` stands beside a `total` that was not counted out. Rows carry their reminders and their rule in
    words; long notes are cut and marked with `notes_cut`. `upcoming` goes with `due_until` and the first page of open
    tasks. Tasks that `besides` hits are left out. Raises `InvalidTime` and `InvalidArguments`.
    """
    words = _read_words(request.text)
    reach, hits_few = _reach(work, words) if words else (None, False)
    lead = _choose_lead(request, hits_few=hits_few)
    search = _search(work, request, lead, reach)
    _lead_by_reminders(work, request, search)
    if besides is not None:
        search.besides.append(_leave_out(work, besides, request.kind))
    found = _read_rows(work, request, search, words)
    tasks, next_cursor = _fit_page(work, request, found)
    # A first page that holds all of them has counted them.
    is_whole = request.cursor is None and len(found) <= request.limit
    total = len(found) if is_whole else search.count(work)
    view: FindAnswer = {"tasks": tasks, "total": min(total, COUNTED)}
    if request.due_until and (upcoming := _find_upcoming(work, request, lead, reach)):
        view["upcoming"] = upcoming
    hides = (request.status or "open") in ("open", "overdue")
    if words and hides and (hidden := _hidden(work, request.kind, request.list, reach, hits_few)):
        view["also_completed"], view["also_completed_titles"] = hidden
    if words and not total and (near := find_near_titles(work, words, request.kind or "task")):
        view["near_titles"] = near
    if request.list is not None and not total and _choose_list(work, request.list) is _UNKNOWN:
        view["lists"] = _list_lists(work)
    if left_out := _say_left_out(len(view.get("upcoming", [])), view.get("also_completed", 0)):
        view["total_leaves_out"] = left_out
    if request.has_reminder:
        view["rings"] = describe_where(work)
    if next_cursor is not None:
        view["next_cursor"] = next_cursor
    if total > COUNTED:
        view["total_is_minimum"] = True
    return work.stamp(view)


OPERATIONS = (Operation("find_tasks", FindTasks, find_tasks, READS),)


def _choose_lead(request: FindTasks, *, hits_few: bool) -> Lead:
    """Return the index that leads a search."""
    if request.tags:
        return BY_TAG
    # The subtasks of one task are few.
    if hits_few or request.parent_id is not None:
        return BY_NUMBER
    # A list, and what is due between two days, are mostly few: found first, and then sorted.
    if request.sort in ("due", "-due") or request.list is not None or (request.due_from and request.due_until):
        return BY_DUE
    return BY_SORT


def _lead_by_reminders(work: Work, request: FindTasks, search: Search) -> None:
    """Let the person's waiting reminders lead, where nothing else does: to the rows if they are few, else to the count.

    Few tasks are better sorted than looked for on the way through all; among many the next page is near.
    """
    if not request.has_reminder or search.lead not in (BY_DUE, BY_SORT):
        return
    wide = {name: value for name, value in search.wide.items() if name != "reminded"}
    given = {"user": work.who.user_id, "limit": FEW_HITS + 1}
    if _COUNT_WAITING.scalar(work.connection, given) <= FEW_HITS:
        search.lead, search.wide = BY_NUMBER, {**wide, "among_reminded": work.who.user_id}
    else:
        search.counted = Search(BY_REMINDER, search.narrow, wide, search.besides)


def _read_words(given: str | None) -> list[str]:
    """Return the folded words of a search; raises `InvalidArguments` if the text holds none."""
    words = fold_words(given) if given else []
    if given and not words:
        raise InvalidArguments("text has no letter or digit to search for.", "Give at least one word.")
    return words


def _leave_out(work: Work, besides: TaskFilter, kind: Literal["task", "recurring"] | None) -> Condition:
    """Return the condition that a row is none of those that another filter hits, completed ones included."""
    words = _read_words(besides.text)
    given = besides.model_dump(exclude_none=True)
    inner = FindTasks.model_validate({"status": "all", "kind": kind, **given})
    reach = _reach(work, words)[0] if words else None
    hit = _search(work, inner, BY_TAG if inner.tags else BY_DUE, reach).fill()
    return TASK.c.id.not_in(select(TASK.c.id).where(*hit).correlate(None))


def _search(work: Work, request: FindTasks, lead: Lead, reach: Conditions | None) -> Search:
    narrow: Conditions = {"user": work.who.user_id, "kind": request.kind or "task"}
    narrow |= _status_filter(work, request) | _due_filters(work, request)
    completed = _completed_filters(work, request)
    if completed and (request.status or "completed") in ("open", "overdue"):
        narrow["nothing"] = None
    wide: Conditions = {**(reach or {}), **completed}
    if request.priority is not None:
        wide["priority"] = PRIORITIES.index(request.priority)
    if request.has_reminder is not None:
        _add_reminded(work, narrow, wide, has_reminder=request.has_reminder)
    wide |= _list_filter(work, request)
    if request.parent_id is not None:
        wide["parent"] = load_task(work, request.parent_id)["id"]
    if request.available is not None:
        wide["available" if request.available else "waiting"] = work.at
    tags = [fold_tag(tag) for tag in request.tags or []]
    narrow |= {"tag": tags[0]} if tags else {"living": None}
    return Search(lead, narrow, wide | number_names("other_tag", tags[1:]))


def _add_reminded(work: Work, narrow: Conditions, wide: Conditions, *, has_reminder: bool) -> None:
    """Add the condition on reminders; what is completed waits for none."""
    if narrow.get("status") != "completed":
        wide["reminded" if has_reminder else "unreminded"] = work.who.user_id
        if has_reminder:
            narrow.setdefault("status", "open")
    elif has_reminder:
        narrow["nothing"] = None


def _status_filter(work: Work, request: FindTasks) -> Conditions:
    completed_window = request.completed_from or request.completed_until
    status = request.status or ("completed" if completed_window else "open")
    if status == "overdue":
        return {"status": "open", "due_before": work.at}
    return {} if status == "all" else {"status": status}


_UNKNOWN = ""


def _choose_list(work: Work, name: str) -> str | None:
    """Return the id of a list, None for the inbox, and `_UNKNOWN` for a name that no list has."""
    if fold_name(name) == INBOX:
        return None
    row = find_list(work, name)
    return _UNKNOWN if row is None else row["id"]


def _list_filter(work: Work, request: FindTasks) -> Conditions:
    """Return the condition on the list; tasks of archived lists are shown only where their list is named."""
    if request.parent_id is not None:
        return {}
    if request.list is not None:
        chosen = _choose_list(work, request.list)
        return {"inbox": None} if chosen is None else {"list": chosen}
    archived = list_archived(work)
    return {"unarchived": archived} if archived else {}


def _list_lists(work: Work) -> list[ListCount]:
    counts = count_open(work)
    shown = [row for row in load_lists(work) if not row["archived"]]
    return [{"name": row["name"], "open": counts.get(row["id"], 0)} for row in shown]


def _due_filters(work: Work, request: FindTasks) -> Conditions:
    conditions: Conditions = {}
    if request.due_from:
        conditions["due_from"] = _edge(work, request.due_from, last=False)
    if request.due_until:
        conditions["due_until"] = _edge(work, request.due_until, last=True)
    elif request.due_from:
        conditions["dated"] = None
    return conditions


def _completed_filters(work: Work, request: FindTasks) -> Conditions:
    conditions: Conditions = {}
    if request.completed_from:
        conditions["completed_from"] = _edge(work, request.completed_from, last=False)
    if request.completed_until:
        conditions["completed_until"] = _edge(work, request.completed_until, last=True)
    return conditions


def _edge(work: Work, given: str, *, last: bool) -> str:
    """Return the first or last instant that an inclusive bound means: of its day, if it is a date."""
    reading = when.read_time(given, work.zone, work.now)
    if last or not when.is_date(reading.due):
        return when.deadline_of(reading.due, work.zone)
    return write_instant(when.day_bounds(date.fromisoformat(reading.due), work.zone)[0])


def _reach(work: Work, words: list[str]) -> tuple[Conditions, bool]:
    """Return the conditions that a row holds all words, each at a word's beginning, in its newest text.

    The second value tells whether the hits are so few that they lead the search.
    """
    holds = number_names("word", [f" {word}" for word in words])
    if not is_sqlite(work.connection):
        return {"match": " & ".join(f"'{word[:LONGEST_WORD]}':*" for word in words), **holds}, False
    match = " AND ".join(f'"{word}"*' for word in words)
    hits = [row[0] for row in work.connection.execute(_HITS, {"match": match, "limit": FEW_HITS + 1})]
    if len(hits) > FEW_HITS:
        return holds, False
    hits += [row[0] for row in work.connection.execute(UNINDEXED)]
    return {"hits": to_json(hits).decode(), **holds}, True


def _exact_phases(work: Work, words: list[str]) -> list[Conditions]:
    """Return the conditions of the two phases of a search by words; the first may be known to be empty."""
    exact = " ".join(words)
    # Looked up first: without a row, the phase would walk through all tasks to find none.
    some = _EXACT.first(work.connection, {"user": work.who.user_id, "exact": exact})
    return [{"exact": exact} if some else {"nothing": None}, {"inexact": exact}]


_Found = tuple[int, dict[str, Any], list[Any]]
"""A row that was found: its phase, its columns, and its sort keys."""


def _read_rows(work: Work, request: FindTasks, search: Search, words: list[str]) -> list[_Found]:
    """Return up to one row more than the limit; with words, tasks with exactly that title come first."""
    order = choose_order(request.sort, search.lead)
    titles: list[Conditions] = _exact_phases(work, words) if words else [{}]
    phases = [(title, part) for title in titles for part in range(len(order.parts))]
    phase, keys = _read_cursor(request, len(phases), order)
    found: list[_Found] = []
    while phase < len(phases) and len(found) <= request.limit:
        title, part = phases[phase]
        for row in search.read_page(work, request.sort, part, title, keys, request.limit + 1 - len(found)):
            values = row._asdict()
            found.append((phase, values, [values.pop(f"key_{index}") for index in range(len(order.columns))]))
        phase, keys = phase + 1, None
    return found


def _fit_page(work: Work, request: FindTasks, found: list[_Found]) -> tuple[list[FoundTask], str | None]:
    """Return the views of a page that fits an answer, and the cursor of its last row if more rows follow."""
    views = view_rows(work, [cast("TaskRow", values) for _, values, _ in found[: request.limit]])
    size, fits = 0, 0
    for view in views:
        size += len(to_json(view))
        if fits and size > MOST_BYTES:
            break
        fits += 1
    _, cursor = paging.cut_page(found, fits, lambda row: paging.write_cursor(request.sort, row[0], row[2]))
    return views[:fits], cursor


def _read_cursor(request: FindTasks, phases: int, order: Order) -> tuple[int, list[Any] | None]:
    if request.cursor is None:
        return 0, None
    try:
        sort, phase, keys = paging.read_cursor(request.cursor)
        fits = (
            sort == request.sort
            and isinstance(phase, int)
            and 0 <= phase < phases
            and order.has_keys(keys)
            and all(paging.is_key(key) for key in keys)
        )
    except (ValueError, TypeError):
        fits = False
    if not fits:
        raise InvalidArguments(
            "cursor does not belong to this search.", "Repeat the search with the same arguments and without cursor."
        )
    return phase, keys


def _hidden(
    work: Work, kind: Literal["task", "recurring"] | None, named: str | None, reach: Conditions | None, few: bool
) -> tuple[int, list[SimilarTask]] | None:
    """Return how many completed tasks hold the words, and up to three of them; None if none does."""
    lead = BY_NUMBER if few else BY_DUE
    search = _search(work, FindTasks(status="completed", kind=kind, list=named), lead, reach)
    count = search.count(work)
    if not count:
        return None
    columns = (TASK.c.id, TASK.c.title, TASK.c.title_key, TASK.c.due, TASK.c.completed_at, TASK.c.created_at)
    rows = work.connection.execute(select(*columns).where(*search.fill()).order_by(lead.deadline, lead.id).limit(3))
    return min(count, COUNTED), name_similar(work, rows.all())


def _say_left_out(upcoming: int, completed: int) -> str:
    """Return what a total does not count, in words; empty if it counts all."""
    parts = []
    if upcoming:
        parts.append(f"{upcoming} upcoming occurrence{'s' if upcoming > 1 else ''}")
    if completed:
        parts.append(f"{completed} completed task{'s' if completed > 1 else ''}")
    return " and ".join(parts)


def _find_upcoming(work: Work, request: FindTasks, lead: Lead, reach: Conditions | None) -> list[UpcomingDate]:
    """Return what is still to come of the series that the same words, tags and priority name."""
    others = request.kind == "recurring" or request.cursor or request.completed_from or request.completed_until
    if others or request.status not in (None, "open", "all") or request.due_until is None:
        return []
    series = FindTasks(kind="recurring", tags=request.tags, priority=request.priority, list=request.list)
    filters = _search(work, series, lead, reach).fill()
    since = None if request.due_from is None else _edge(work, request.due_from, last=False)
    until = _edge(work, request.due_until, last=True)
    return find_upcoming(work, filters, since, until, reminded=request.has_reminder)
