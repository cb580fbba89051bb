"""Steps of an authorization: the question on the consent page, then the code; each is used once and lasts shortly."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, bindparam, delete, insert, select

from app.access.credentials import digest_secret, write_secret
from app.access.models import OAuthStep
from events.instants import write_instant
from events.sql import table_of

QUESTION_LASTS = timedelta(minutes=10)
CODE_LASTS = timedelta(seconds=60)
_T = table_of(OAuthStep)
_FIND = select(_T).where(
    _T.c.digest == bindparam("digest"), _T.c.kind == bindparam("of_kind"), _T.c.expires_at > bindparam("at")
)
_TAKE = delete(_T).where(_T.c.digest == bindparam("digest"), _T.c.kind == bindparam("of_kind"))
_EXPIRED = delete(_T).where(_T.c.expires_at <= bindparam("at"))

StepKind = Literal["question", "code"]


class Request(BaseModel):
    """What a program asks for: the parameters of `/authorize` (RFC 6749, section 4.1.1), checked."""

    model_config = ConfigDict(frozen=True)

    redirect_uri: str
    is_redirect_given: bool
    scopes: list[str]
    challenge: str
    resource: str
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step: whose it is, the program, the session in which it was asked ("" for a code), and the request."""

    kind: StepKind
    user_id: str
    client_id: str
    session_id: str
    request: Request


def store_step(connection: Connection, step: Step, now: datetime, draw: Callable[[], bytes]) -> str:
    """Store a step and return its secret; those that have expired go."""
    secret = write_secret("connection" if step.kind == "code" else "question", draw())
    connection.execute(_EXPIRED, {"at": write_instant(now)})
    connection.execute(
        insert(_T),
        {
            "digest": digest_secret(secret),
            "kind": step.kind,
            "user_id": step.user_id,
            "client_id": step.client_id,
            "session_id": step.session_id,
            "request_json": step.request.model_dump_json(),
            "expires_at": write_instant(now + (CODE_LASTS if step.kind == "code" else QUESTION_LASTS)),
        },
    )
    return secret


def find_step(connection: Connection, kind: StepKind, secret: str, now: datetime) -> Step | None:
    """Return a step that still holds, without using it."""
    digest = digest_secret(secret)
    row = connection.execute(_FIND, {"digest": digest, "of_kind": kind, "at": write_instant(now)}).one_or_none()
    if row is None:
        return None
    request = Request.model_validate_json(row.request_json)
    return Step(kind, row.user_id, row.client_id, row.session_id, request)


def take_step(connection: Connection, kind: StepKind, secret: str, now: datetime) -> Step | None:
    """Use a step up and return it; None if it is over, or if another call has just used it."""
    step = find_step(connection, kind, secret, now)
    taken = connection.execute(_TAKE, {"digest": digest_secret(secret), "of_kind": kind}).rowcount
    return step if taken == 1 else None
