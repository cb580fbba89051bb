"""Retry-safe writes: one `request_id`, one effect, the same answer."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any, TypeVar

from pydantic_core import from_json, to_json
from sqlalchemy import bindparam, delete, insert, select

from events.instants import read_instant, write_instant
from events.sql import HotInsert, table_of, take_lock
from todo.errors import InvalidArguments, RequestIdReused
from todo.record.models import RequestEntry
from todo.record.shapes import Answer
from todo.record.work import Work
from todo.requests.confirmations import require_agreement
from todo.requests.request import Request
from todo.text.when import local_form

R = TypeVar("R", bound=Request)

KEPT = timedelta(hours=24)
REPEAT_WINDOW = timedelta(minutes=10)
"""How long an agent's call without an id can be taken up by a repeat that carries one."""
MOST_ASKED = 100
"""Requests that one call may ask for."""

_T = table_of(RequestEntry)
_INSERT = HotInsert(insert(_T))
_COLUMNS = select(_T.c.fingerprint, _T.c.answer, _T.c.at)
_BY_ID = _COLUMNS.where(_T.c.user_id == bindparam("user"), _T.c.request_id == bindparam("request_id"))
_UNNAMED = (
    _COLUMNS.where(
        _T.c.user_id == bindparam("user"),
        _T.c.origin == bindparam("origin"),
        _T.c.fingerprint == bindparam("fingerprint"),
        _T.c.request_id.is_(None),
        _T.c.at >= bindparam("since"),
    )
    .order_by(_T.c.at.desc())
    .limit(1)
)
_FORGET = delete(_T).where(_T.c.user_id == bindparam("user"), _T.c.request_id == bindparam("request_id"))


def once(work: Work, operation: str, request: R, use_case: Callable[[Work, R], Answer]) -> Answer:
    """Run a write at most once per `request_id` of this user, over all surfaces.

    A repeat gets the stored answer with `replayed: true`. Refusals are not stored: they raise before the row is
    written. Raises `RequestIdReused` if the id belongs to another operation or other arguments.
    """
    request_id: str | None = getattr(request, "request_id", None)
    agent = work.who.kind == "agent"
    if request_id is None and not agent:
        return use_case(work, request)
    arguments = request.model_dump(mode="json", exclude={"request_id"})
    fingerprint = sha256(operation.encode() + b"\0" + to_json(arguments)).hexdigest()
    # A concurrent second call waits here and then finds the first one's answer. The order of the two locks is fixed, so
    # that they cannot deadlock.
    if request_id is not None:
        take_lock(work.connection, "request", work.who.user_id, request_id)
    if agent:
        take_lock(work.connection, "unnamed", work.who.user_id, work.who.origin, fingerprint)
    if request_id is not None:
        known = _find_known(work, request_id, fingerprint)
        if known is not None:
            return known
        means_it = getattr(request, "means_the_same_again", True)
        if agent and means_it and (repeat := _find_unnamed(work, fingerprint)) is not None:
            # Bound to the id from now on, so that a third attempt finds it too.
            _remember(work, request_id, fingerprint, repeat[0], repeat[1])
            return _replay(work, *repeat)
    if agent and operation in work.guarded:
        require_agreement(work, operation, arguments)
        work = work.with_agreement()
    answer = use_case(work, request)
    _remember(work, request_id, fingerprint, to_json(answer).decode(), work.at)
    return answer


def find_answer(work: Work, request_id: str) -> Answer | None:
    """Return the stored answer of the caller's request, if it was carried out within the time that answers are kept."""
    row = work.connection.execute(_BY_ID, _key(work, request_id)).one_or_none()
    if row is None or row.at < write_instant(work.now - KEPT):
        return None
    answer: Answer = from_json(row.answer)
    return answer


def list_answers(work: Work, request_ids: Sequence[str]) -> Answer:
    """Return `{requests: [{request_id, answer}]}`: those of these requests of the caller's that were carried out.

    So a client that lost an answer learns what became of its call without calling again. Raises `InvalidArguments` for
    more than 100 ids.
    """
    if len(request_ids) > MOST_ASKED:
        raise InvalidArguments(f"At most {MOST_ASKED} requests can be asked for at once.", "Ask for fewer.")
    found = ((each, find_answer(work, each)) for each in dict.fromkeys(request_ids))
    return {"requests": [{"request_id": each, "answer": answer} for each, answer in found if answer is not None]}


def _key(work: Work, request_id: str) -> dict[str, str]:
    return {"user": work.who.user_id, "request_id": work.who.name_own(request_id)}


def _find_known(work: Work, request_id: str, fingerprint: str) -> Answer | None:
    key = _key(work, request_id)
    row = work.connection.execute(_BY_ID, key).one_or_none()
    if row is None:
        return None
    if row.at < write_instant(work.now - KEPT):
        work.connection.execute(_FORGET, key)
        return None
    if row.fingerprint != fingerprint:
        raise RequestIdReused(
            "This request_id was used for another call; nothing was done.",
            "Leave request_id out for a new call, and repeat it only with the same tool and arguments.",
        )
    return _replay(work, row.answer, row.at)


def _find_unnamed(work: Work, fingerprint: str) -> tuple[str, str] | None:
    row = work.connection.execute(
        _UNNAMED,
        {
            "user": work.who.user_id,
            "origin": work.who.origin,
            "fingerprint": fingerprint,
            "since": write_instant(work.now - REPEAT_WINDOW),
        },
    ).one_or_none()
    return None if row is None else (row.answer, row.at)


def _remember(work: Work, request_id: str | None, fingerprint: str, answer: str, at: str) -> None:
    _INSERT.run(
        work.connection,
        {
            "user_id": work.who.user_id,
            "request_id": None if request_id is None else work.who.name_own(request_id),
            "origin": work.who.origin,
            "fingerprint": fingerprint,
            "answer": answer,
            "at": at,
        },
    )


def _replay(work: Work, answer: str, at: str) -> Answer:
    view: dict[str, Any] = from_json(answer)
    local = local_form(write_instant(read_instant(at).replace(microsecond=0)).replace(".000000", ""), work.zone)
    view.pop("hint", None)
    view["replayed"] = True
    view["message"] = f"Already done at {local[11:16]}; nothing new was saved."
    return work.stamp_briefly(view)
