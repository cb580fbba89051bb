"""Losses: what a client has deleted, ended or overwritten lately, so that many small ones count like one large one."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic_core import from_json
from sqlalchemy import bindparam, or_, select

from events.instants import write_instant
from events.sql import WithoutIndex, table_of, take_lock
from todo.record.models import Change, ChangeItem
from todo.record.touched import Touched
from todo.record.work import Work

WINDOW = timedelta(minutes=10)
"""How far back the losses of one client add up, over all its conversations, tools and plans."""
MOST_ITEMS = 2_000
"""Items of changes that are examined: more than the rate limit lets one client write in the window."""

_C = table_of(Change)
_I = table_of(ChangeItem)
_MAKER = _C.alias()
_MADE = _I.alias()
# From a task to its changes: by the owner's index each would be looked for among all that the person ever changed.
_CLIENTS_OWN = (
    WithoutIndex(_MAKER.c.user_id) == bindparam("user"),
    _MAKER.c.actor == bindparam("actor"),
    _MAKER.c.kind != "undo",
    _MADE.c.before.is_(None),
)
_OWN = (
    select(_MADE.c.task_id)
    .join(_MAKER, _MAKER.c.id == _MADE.c.change_id)
    .where(_MADE.c.task_id.in_(bindparam("tasks", expanding=True)), *_CLIENTS_OWN)
)
# Undoing one's own create does not count as a deletion.
_TAKEN_BACK = (
    select(_MADE.c.task_id)
    .join(_MAKER, _MAKER.c.id == _MADE.c.change_id)
    .where(
        _MADE.c.task_id == _I.c.task_id,
        _MADE.c.before.is_(None),
        _MAKER.c.undone_by == _C.c.id,
        WithoutIndex(_MAKER.c.user_id) == _C.c.user_id,
        _MAKER.c.actor == _C.c.actor,
        _MAKER.c.kind != "undo",
    )
    .exists()
)
_RECENT = (
    select(_C.c.id, _C.c.kind, _I.c.before, _I.c.after)
    .join(_C, _C.c.id == _I.c.change_id)
    .where(
        _C.c.user_id == bindparam("user"),
        _C.c.at >= bindparam("since"),
        _C.c.actor == bindparam("actor"),
        _C.c.undone_by.is_(None),
        _I.c.before.is_not(None),
        ~_TAKEN_BACK,
        or_(_I.c.after.is_(None), _C.c.kind != "complete_task"),
    )
    .order_by(_C.c.seq.desc())
    .limit(MOST_ITEMS)
)


@dataclass(frozen=True, slots=True)
class Loss:
    """A task that is deleted, a series that is ended, or a title or notes that are overwritten."""

    task_id: str
    series_id: str | None
    is_series: bool
    is_text: bool


def find_losses(work: Work, kind: str, touched: Iterable[Touched], taken_back: Container[str] = ()) -> list[Loss]:
    """Return the losses in a change under way; the text of tasks that the client made itself is its own to change.

    `kind` is the operation, `taken_back` the ids of tasks whose creation by this client an undo takes back.
    """
    parts = [
        (each.before, None if each.is_gone else each.view)
        for each in touched
        if each.before is not None and each.row["id"] not in taken_back
    ]
    return _without_own(work, _compare(kind, parts))


def count_recent(work: Work) -> int:
    """Return the losses by the caller's client within the window; those of a change that was undone do not count.

    Waits for concurrent calls of the same client, so that they count each other.
    """
    actor = work.who.write_actor()
    take_lock(work.connection, "losses", work.who.user_id, actor)
    key = {"user": work.who.user_id, "actor": actor, "since": write_instant(work.now - WINDOW)}
    changes: dict[str, tuple[str, list[tuple[Any, Any]]]] = {}
    for change_id, kind, before, after in work.connection.execute(_RECENT, key):
        parts = changes.setdefault(change_id, (kind, []))[1]
        parts.append((from_json(before), None if after is None else from_json(after)))
    seen: set[tuple[str, bool]] = set()
    by_change: list[list[Loss]] = []
    for kind, parts in changes.values():
        by_change.append([each for each in _compare(kind, parts) if (each.task_id, each.is_text) not in seen])
        seen |= {(each.task_id, each.is_text) for each in by_change[-1]}
    counted = set(_without_own(work, [each for losses in by_change for each in losses]))
    return sum(count_losses(each for each in losses if each in counted) for losses in by_change)


def count_losses(losses: Iterable[Loss]) -> int:
    """Return how many losses these are: a series counts with its instances as one."""
    losses = list(losses)
    ids = {each.task_id for each in losses}
    return sum(each.series_id not in ids for each in losses)


def _compare(kind: str, parts: Iterable[tuple[Any, Any]]) -> list[Loss]:
    """Return the losses between views before and after; None after means deleted."""
    losses = []
    for before, after in parts:
        is_series = before.get("kind") == "recurring"
        series_id = before.get("recurring_id")
        if after is None:
            # Pausing, skipping and rescheduling a series take instances back; only its end is a loss.
            if kind != "update_recurring_task" or is_series:
                losses.append(Loss(before["id"], series_id, is_series, is_text=False))
        elif is_series and before["status"] == "open" and after["status"] == "completed" and kind != "complete_task":
            losses.append(Loss(before["id"], None, is_series=True, is_text=False))
        elif kind != "undo" and _is_overwritten(before, after):
            losses.append(Loss(before["id"], series_id, is_series, is_text=True))
    return losses


def _is_overwritten(before: Any, after: Any) -> bool:
    """Return whether the title is another one, or notes are gone; adding to notes loses nothing."""
    notes, now = before.get("notes", ""), after.get("notes", "")
    return bool(before["title"] != after["title"] or (notes and not now.startswith(notes)))


def _without_own(work: Work, losses: list[Loss]) -> list[Loss]:
    """Return the losses without overwritten texts of tasks that the client made itself."""
    asked = sorted({each.task_id for each in losses if each.is_text})
    if not asked:
        return losses
    key = {"tasks": asked, "user": work.who.user_id, "actor": work.who.write_actor()}
    own = set(work.connection.execute(_OWN, key).scalars())
    return [each for each in losses if not (each.is_text and each.task_id in own)]
