"""Confirmations: what a person has to agree to before an agent may do it; an argument cannot replace it."""

from collections.abc import Container, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any, TypedDict

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, bindparam, func, insert, select, update

from events.instants import read_instant, write_instant
from events.sql import table_of, take_lock
from todo.errors import ConfirmationRequired, Forbidden, InvalidArguments, TaskNotFound
from todo.record.changes import Change
from todo.record.models import Confirmation
from todo.record.queries import load_any_tasks
from todo.record.scopes import CONFIRM
from todo.record.shapes import TaskRow
from todo.record.work import Work
from todo.requests.losses import count_losses, count_recent, find_losses
from todo.text.display import quote_title, show_text
from todo.text.when import say_due

KEPT = timedelta(minutes=10)
MANY_LOSSES = 10
MANY_SERIES = 3
_SHOWN = 5
MOST_ITEMS = 100
"""Tasks that a question lists, which is as many as a plan can mean."""
_SHOWN_ARGUMENTS = 300

_T = table_of(Confirmation)
_OWNED = _T.c.user_id == bindparam("user")
_SAME = (
    select(_T)
    .where(_OWNED, _T.c.origin == bindparam("origin"), _T.c.fingerprint == bindparam("fingerprint"))
    .where(_T.c.asked_at >= bindparam("since"), _T.c.state.in_(["accepted", "pending", "rejected"]))
    .order_by(_T.c.state, _T.c.asked_at.desc())
    .limit(1)
)
_BY_ID = select(_T).where(_OWNED, _T.c.id == bindparam("key"))
_LIST = select(_T).where(_OWNED, _T.c.asked_at >= bindparam("since")).order_by(_T.c.asked_at.desc()).limit(50)
_INSERT = insert(_T)
_USE = update(_T).where(_OWNED, _T.c.id == bindparam("key"), _T.c.state == "accepted").values(state="used")
_DECIDE = (
    update(_T)
    .where(_OWNED, _T.c.id == bindparam("key"), _T.c.state == "pending")
    .values(state=bindparam("now"), decided_at=bindparam("at"))
)
_NEWEST = select(
    select(func.max(_T.c.id)).scalar_subquery(),
    select(func.max(_T.c.decided_at)).scalar_subquery(),
)


class ConfirmationView(TypedDict):
    """A question as the person sees it; `state` is pending, accepted, rejected or used."""

    id: str
    summary: str
    action: str
    items: list[dict[str, Any]]
    total: int
    state: str
    origin: str
    asked_at: str
    expires_at: str


class About(TypedDict):
    """What a question is about: the action in words, the first hundred tasks that are meant, and how many there are."""

    action: str
    items: list[dict[str, Any]]
    total: int


def require_person(change: Change, subject: str, taken_back: Container[str] = ()) -> None:
    """Let an agent lose little of the person's, or what the person has agreed to; ask before the change is recorded.

    The person has to agree to the tenth loss by one client within ten minutes, over all its conversations, tools and
    plans, and to ending more than three series at once. A loss is a deleted task, a series that is ended (with its
    instances as one), or a title or notes overwritten on a task that the client did not make itself; an undo of its own
    creates (`taken_back`) loses nothing. An agreement holds
    for ten minutes and one use, and for these tasks under the titles that were shown. A step of a plan does not ask:
    the plan asks once for all its steps. Raises `ConfirmationRequired`, and `Forbidden` if the person has already said
    no to this.
    """
    work = change.work
    if work.who.kind != "agent" or work.agreed or work.collected is not None:
        return
    touched = change.list_touched()
    losses = find_losses(work, change.kind, touched, taken_back)
    if not losses:
        return
    series = sum(each.is_series and not each.is_text for each in losses)
    if count_losses(losses) + count_recent(work) < MANY_LOSSES and series <= MANY_SERIES:
        return
    lost = {each.task_id for each in losses}
    views = [each.before for each in touched if each.before is not None and each.row["id"] in lost]
    meant = sorted((view["id"], view["title"]) for view in views)
    fingerprint = sha256(to_json([change.kind, subject, meant])).hexdigest()
    verb = (
        "Delete"
        if not any(each.is_text for each in losses)
        else "Change"
        if all(each.is_text for each in losses)
        else "Delete or change"
    )
    titles = [quote_title(view["title"]) for view in views[:_SHOWN]]
    more = f" and {len(views) - _SHOWN} more" if len(views) > _SHOWN else ""
    many = "1 task" if len(views) == 1 else f"{len(views)} tasks"
    _spend_agreement(work, fingerprint, f"{verb} {', '.join(titles)}{more}", _describe(f"{verb} {many}", views))


def require_agreement(work: Work, operation: str, arguments: Mapping[str, Any], task_ids: Sequence[str] = ()) -> None:
    """Let an agent do a guarded operation only if the person has agreed to exactly these arguments.

    `task_ids` are the tasks that a plan means. Raises like `require_person`; run the call with `with_agreement()`
    afterwards, so that it does not ask a second time.
    """
    take_lock(work.connection, "guarded", work.who.user_id, work.who.origin)
    given = {name: value for name, value in arguments.items() if value not in (None, [], "")}
    tasks = load_any_tasks(work, [str(arguments["task_id"])]) if arguments.get("task_id") else {}
    known = tasks or load_any_tasks(work, sorted(set(task_ids)))
    meant = [_view_briefly(work, known[each]) for each in dict.fromkeys(task_ids or tasks) if each in known]
    titles = "".join(f" {quote_title(task['title'])}" for task in tasks.values())
    shown = {name: value for name, value in given.items() if name != "task_id" or not titles}
    said = show_text(to_json(shown).decode())[:_SHOWN_ARGUMENTS] if shown else ""
    fingerprint = sha256(to_json(["guarded", operation, given, titles])).hexdigest()
    summary = f"{operation}{titles} {said}".strip()
    _spend_agreement(work, fingerprint, summary, _describe(summary, meant))


def _describe(action: str, tasks: Sequence[Mapping[str, Any]]) -> About:
    """Return what a question is about: `{action, items: [{id, kind?, title, due?, due_text?}], total}`.

    Titles are separate data, so that a client need not cut a sentence; hidden characters in them are made visible.
    """
    items = [
        {name: task[name] for name in ("id", "kind", "title", "due", "due_text") if name in task}
        | {"title": show_text(task["title"])}
        for task in tasks[:MOST_ITEMS]
    ]
    return {"action": action, "items": items, "total": len(tasks)}


def _view_briefly(work: Work, row: TaskRow) -> dict[str, Any]:
    """Return the part of a task's view that a question shows."""
    task: dict[str, Any] = {"id": row["id"], "title": row["title"]}
    if row["kind"] != "task":
        task["kind"] = row["kind"]
    if row["due"]:
        task |= {"due": row["due"], "due_text": say_due(row["due"], work.zone)}
    return task


def _spend_agreement(work: Work, fingerprint: str, summary: str, about: About) -> None:
    """Use up the person's agreement; raises if there is none, or if they have refused."""
    row = work.connection.execute(_SAME, _find_key(work, fingerprint)).one_or_none()
    if row is not None and row.state == "accepted":
        work.connection.execute(_USE, {"user": work.who.user_id, "key": row.id})
        return
    if row is not None and row.state == "rejected":
        raise refuse_again()
    raise ConfirmationRequired(
        f"The person has to agree first: {summary}.",
        "Ask them to; then repeat this very call.",
        fingerprint=fingerprint,
        summary=summary,
        about=about,
    )


def refuse_again() -> Forbidden:
    """Return the refusal for an agent whose person has said no; it keeps the agent from asking again at once."""
    return Forbidden("The person has refused this; nothing was done.", "Leave it, unless they ask for it again.")


def ask_person(work: Work, fingerprint: str, summary: str, about: About) -> str:
    """Store a question for the person, or find the one that waits already; return its id."""
    row = work.connection.execute(_SAME, _find_key(work, fingerprint)).one_or_none()
    if row is not None:
        return str(row.id)
    confirmation_id = work.ids.new()
    work.connection.execute(
        _INSERT,
        {
            "id": confirmation_id,
            "user_id": work.who.user_id,
            "origin": work.who.origin,
            "fingerprint": fingerprint,
            "summary": summary,
            "about": to_json(about).decode(),
            "state": "pending",
            "asked_at": work.at,
        },
    )
    return confirmation_id


def list_confirmations(work: Work) -> dict[str, Any]:
    """Return `{confirmations: […]}` of the last ten minutes, newest first.

    Each is `{id, summary, action, items: [{id, kind?, title, due?, due_text?}], total, state, origin, asked_at,
    expires_at}`; `items` are the first hundred of the tasks that are meant.
    """
    rows = work.connection.execute(_LIST, {"user": work.who.user_id, "since": _since(work)})
    return {"confirmations": [_view(row._asdict()) for row in rows]}


def decide_confirmation(work: Work, confirmation_id: str, decision: str) -> ConfirmationView:
    """Accept or reject a question as the person, or as the agent that asked it and brings the person's answer.

    Returns the question. Raises `TaskNotFound`, for an agent also of another's question, `InvalidArguments`, and
    `Forbidden` for a person's token without the scope `confirm`.
    """
    if work.who.kind == "person":
        work.who.require(CONFIRM)
    if decision not in ("accept", "reject"):
        raise InvalidArguments("decision must be accept or reject.", 'Send {"decision": "accept"}.')
    row = work.connection.execute(_BY_ID, {"user": work.who.user_id, "key": confirmation_id}).one_or_none()
    if row is None or (work.who.kind == "agent" and row.origin != work.who.origin):
        raise TaskNotFound("There is no such question.", "GET /api/confirmations lists those that wait.")
    if row.state != "pending" or row.asked_at < _since(work):
        raise InvalidArguments("This question has been decided or is too old.", "The agent can ask again.")
    state = "accepted" if decision == "accept" else "rejected"
    key = {"user": work.who.user_id, "key": confirmation_id}
    work.connection.execute(_DECIDE, {**key, "now": state, "at": work.at})
    return _view({**row._asdict(), "state": state})


def read_confirmation(work: Work, confirmation_id: str) -> ConfirmationView:
    """Return one question; raises `TaskNotFound`."""
    row = work.connection.execute(_BY_ID, {"user": work.who.user_id, "key": confirmation_id}).one_or_none()
    if row is None:
        raise TaskNotFound("There is no such question.", "GET /api/confirmations lists those that wait.")
    return _view(row._asdict())


def newest_questions(connection: Connection) -> Sequence[str | None]:
    """Return the newest question and the time of the newest decision over all users; each change moves one."""
    return tuple(connection.execute(_NEWEST).one())


def _since(work: Work) -> str:
    return write_instant(work.now - KEPT)


def _find_key(work: Work, fingerprint: str) -> dict[str, str]:
    return {
        "user": work.who.user_id,
        "origin": work.who.origin,
        "fingerprint": fingerprint,
        "since": _since(work),
    }


def _view(row: dict[str, Any]) -> ConfirmationView:
    # Rows older than the `about` column have only a summary.
    about: About = {"action": row["summary"], "items": [], "total": 0, **from_json(row["about"])}
    return {
        "id": row["id"],
        "summary": row["summary"],
        "action": about["action"],
        "items": about["items"],
        "total": about["total"],
        "state": row["state"],
        "origin": row["origin"],
        "asked_at": row["asked_at"],
        "expires_at": write_instant(read_instant(row["asked_at"]) + KEPT),
    }
