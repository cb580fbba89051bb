"""The authorization server of one process: its parts, and what it does with a person's answer."""

from dataclasses import dataclass

from sqlalchemy import Connection

from app.access.door import Door
from app.identity import Caller
from app.oauth.connections import Keys
from app.oauth.descriptions import Descriptions
from app.oauth.redirects import add_query
from app.oauth.steps import Request, Step, find_step, store_step, take_step
from app.storage.port import Database
from events.ports import Clock
from todo.record.scopes import AGENT


@dataclass(frozen=True, slots=True)
class Authority:
    """What the authorization server is made of; `url` is its issuer identifier, `resource` what its tokens are for."""

    url: str
    resource: str
    database: Database
    clock: Clock
    keys: Keys
    descriptions: Descriptions
    door: Door

    def accepts(self, resource: str | None) -> bool:
        """Return whether a request is for this service (RFC 8707); one that names no resource is."""
        return resource is None or resource.rstrip("/") == self.resource

    def answer(self, redirect_uri: str, **values: str | None) -> str:
        """Return the redirect address with an answer in it, which names its sender (RFC 9207)."""
        return add_query(redirect_uri, {**values, "iss": self.url})

    def ask(self, step: Step, connection: Connection) -> str:
        """Store a question or a code within a transaction; return its secret."""
        return store_step(connection, step, self.clock.now(), self.keys.draw)

    async def find_question(self, secret: str, caller: Caller) -> Step | None:
        """Return the question behind a consent page if it was asked in this very session."""
        now = self.clock.now()
        step = await self.database.read(lambda connection: find_step(connection, "question", secret, now))
        return step if step is not None and is_own(step, caller) else None

    def decide(self, connection: Connection, secret: str, caller: Caller, scopes: frozenset[str]) -> str | None:
        """Take the person's answer to a question, no scopes for a no; return where the browser goes with it.

        None if the question is over. The question is used up before anything comes of it.
        """
        now = self.clock.now()
        step = find_step(connection, "question", secret, now)
        if step is None or not is_own(step, caller) or take_step(connection, "question", secret, now) is None:
            return None
        request, allowed = step.request, scopes & set(step.request.scopes) & caller.scopes & AGENT
        if not allowed:
            return self.answer(request.redirect_uri, error="access_denied", state=request.state)
        return self.give_code(connection, caller, step.client_id, request, allowed)

    def give_code(
        self, connection: Connection, caller: Caller, client_id: str, request: Request, scopes: frozenset[str]
    ) -> str:
        """Return the redirect address with a new code in it."""
        allowed = request.model_copy(update={"scopes": sorted(scopes)})
        code = self.ask(Step("code", caller.user_id, client_id, "", allowed), connection)
        return self.answer(request.redirect_uri, code=code, state=request.state)


def is_own(step: Step, caller: Caller) -> bool:
    """Return whether a question was asked in the session of this caller."""
    return caller.by_page and step.session_id == caller.credential and step.user_id == caller.user_id
