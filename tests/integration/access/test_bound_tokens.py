"""Tokens for lists as they are made and used: what rings and is asked, sessions, conversations, the command, costs."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from typer.testing import CliRunner

from app.access.credentials import Grant, Made, create_credential
from app.system import draw_secret
from events import sql as sql_module
from events.sql import is_sqlite
from tests.integration.access.house import House, give_bound
from tests.integration.access.test_walls import NOWHERE

PROMISES = ("bounds",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]

REFUSED = (403, "forbidden")


async def test_what_rings_and_what_is_asked_inside_reaches_the_token(house: House) -> None:
    ann = await house.join("Ann", scopes="tasks:delete confirm")
    await ann.rest("POST", "/lists", json={"name": "Work"})
    bound = await give_bound(house, ann, "Work")
    for person, title in ((ann, "Outside"), (bound, "Inside")):
        await person.make(title, due="2026-11-23T11:00", reminders=["0m"])
    await house.world.tick(hours=2)
    [rang] = (await bound.rest("GET", "/notifications")).json()["notifications"]
    assert rang["title"] == "Inside"
    assert len((await ann.rest("GET", "/notifications")).json()["notifications"]) == 2
    assert (await bound.rest("POST", f"/notifications/{rang['id']}/read")).json()["read"] is True
    for number in range(11):
        await bound.make(f"Inside {number}")
    # What a client made itself may be deleted without a question, so the person touches each first.
    await ann.rest("POST", "/plans", json={"filter": {"list": "Work"}, "change": {"priority": "low"}, "apply": True})
    client = await bound.connect()
    wanted = {"filter": {"text": "inside"}, "change": {"delete": True}}
    plan = (await client.call_tool("plan_changes", wanted)).structured_content
    assert plan is not None
    assert len(plan["diff"]) == 12
    asked = await client.call_tool("apply_plan", {"plan_id": plan["plan_id"]})
    assert asked.structured_content is not None
    assert asked.structured_content["code"] == "confirmation_required"
    [question] = (await bound.rest("GET", "/confirmations")).json()["confirmations"]
    own = await bound.rest("POST", f"/confirmations/{question['id']}", json={"decision": "accept"})
    assert (own.status_code, own.json()["code"]) == REFUSED
    await ann.rest("POST", f"/confirmations/{question['id']}", json={"decision": "accept"})
    done = await client.call_tool("apply_plan", {"plan_id": plan["plan_id"]})
    assert not done.is_error, done.content
    assert await ann.titles() == {"Outside"}


async def test_a_binding_follows_the_list_and_ends_with_it(house: House) -> None:
    ann = await house.join("Ann", scopes="tasks:delete confirm")
    listed = (await ann.rest("POST", "/lists", json={"name": "Work"})).json()["list"]
    await ann.make("Inside", list="Work")
    await ann.make("In no list")
    made = await ann.rest("POST", "/tokens", json={"name": "agent", "lists": ["WORK"]})
    assert (made.status_code, made.json()["lists"]) == (201, [{"id": listed["id"], "name": "Work"}])
    bound = replace(ann, token=made.json()["token"])
    await ann.rest("PATCH", f"/lists/{listed['id']}", json={"name": "Office"})
    assert await bound.titles() == {"Inside"}
    shown = (await ann.rest("GET", "/tokens")).json()["tokens"]
    assert [each.get("lists") for each in shown] == [[{"id": listed["id"], "name": "Office"}], None]
    await ann.rest("DELETE", f"/lists/{listed['id']}")
    assert await bound.titles() == set()
    assert await ann.titles() == {"Inside", "In no list"}
    refused = await bound.rest("POST", "/tasks", json={"title": "x"})
    assert (refused.status_code, refused.json()["code"]) == REFUSED
    shown = (await ann.rest("GET", "/tokens")).json()["tokens"]
    assert shown[0]["lists"] == [{"id": listed["id"]}]
    assert await (await give_bound(house, ann, "inbox")).titles() == {"Inside", "In no list"}
    for lists in (["Nope"], [], [""], "Nope", 7, [7], {"a": 1}):
        bad = await ann.rest("POST", "/tokens", json={"lists": lists})
        assert (bad.status_code, bad.json()["code"]) == (422, "invalid_arguments"), lists
    for scopes in (["confirm"], ["tasks:read", "admin"]):
        bad = await ann.rest("POST", "/tokens", json={"lists": ["inbox"], "scopes": scopes})
        assert bad.status_code == 422


async def test_a_session_that_a_bound_token_opens_is_bound(house: House) -> None:
    ann = await house.join("Ann")
    await ann.rest("POST", "/lists", json={"name": "Work"})
    await ann.make("Inside", list="Work")
    await ann.make("Outside")
    made = await house.give_token(ann.user_id, lists="Work")
    async with house.browser() as page:
        assert (await page.post("/api/session", json={"token": made.secret})).status_code == 201
        tasks = (await page.get("/api/tasks")).json()["tasks"]
        assert [each["title"] for each in tasks] == ["Inside"]
        for path in (
            "/api/tokens",
            "/api/connections",
            "/api/channels",
            "/api/calendars",
            "/api/export",
            "/api/people",
        ):
            assert (await page.get(path)).status_code == 403, path
        assert (await page.delete("/api/session?everywhere=true")).status_code == 403
        assert (await page.get("/api/tasks")).status_code == 200


async def test_no_row_makes_it_the_person(house: House) -> None:
    ann, now = await house.join("Ann"), house.world.clock.now()
    grant = Grant(ann.user_id, "personal", "odd", frozenset({"tasks:read", "confirm", "admin"}), lists=frozenset())

    def create(connection: Connection) -> Made:
        return create_credential(connection, grant, now, house.world.ids, draw_secret)

    made = await house.world.service.database.write(create)
    await ann.make("In no list")
    async with house.browser() as page:
        shown = await page.post("/api/session", json={"token": made.secret})
        assert shown.json()["scopes"] == ["tasks:read"]
        assert (await page.get("/api/tasks")).json()["tasks"] == [], "no list is nothing, and never everything"


async def test_request_ids_and_conversations_are_the_tokens_own(house: House) -> None:
    ann = await house.join("Ann")
    await ann.rest("POST", "/lists", json={"name": "Work"})
    bound = await give_bound(house, ann, "Work")
    for person, title in ((ann, "Outside"), (bound, "Inside"), (bound, "Inside")):
        key = {"idempotency-key": "the same"}
        made = await person.rest("POST", "/tasks", json={"title": title}, headers=key)
        assert made.status_code in (200, 201), made.text
        assert made.json()["task"]["title"] == title
    assert await bound.titles() == {"Inside"}
    whole = (await ann.rest("POST", "/chat", json={"message": "list"}, headers=key)).json()
    assert "Outside" in whole["text"]
    said = (await bound.rest("POST", "/chat", json={"message": "list"}, headers=key)).json()
    assert "Inside" in said["text"]
    assert "Outside" not in said["text"]
    shape = {"model": said["model"], "messages": [{"role": "user", "content": "list"}]}
    bearer = {"authorization": f"Bearer {bound.token}"}
    once = await house.world.http.post("/v1/chat/completions", json=shape, headers=bearer)
    assert "Inside" in once.text
    assert "Outside" not in once.text
    assert len((await bound.rest("GET", "/conversations")).json()["conversations"]) == 1
    assert len((await ann.rest("GET", "/conversations")).json()["conversations"]) == 2
    going_on = {"message": "list", "conversation_id": whole["conversation_id"]}
    unknown = await bound.rest("POST", "/chat", json={**going_on, "conversation_id": NOWHERE})
    foreign = await bound.rest("POST", "/chat", json=going_on)
    assert (foreign.status_code, foreign.text) == (unknown.status_code, unknown.text)
    joined = await ann.rest("POST", "/chat", json={"message": "list", "conversation_id": said["conversation_id"]})
    assert (joined.status_code, joined.json()["code"]) == REFUSED
    again = await bound.rest("POST", "/chat", json={"message": "list", "conversation_id": said["conversation_id"]})
    assert again.status_code == 200


def test_the_command_makes_and_lists_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.cli.people import person_cli, token_cli

    monkeypatch.setenv("TODO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TODO_AUTH", "token")
    shell = CliRunner()
    assert shell.invoke(person_cli, ["add", "anna"]).exit_code == 0
    made = shell.invoke(token_cli, ["create", "--user", "anna", "--name", "agent", "--lists", "INBOX"])
    assert made.output.startswith("etp_")
    assert "for inbox" in shell.invoke(token_cli, ["list"]).output
    for lists, said in (("inbox,Wörk", "no list"), (",", "lists holds names")):
        refused = shell.invoke(token_cli, ["create", "--user", "anna", "--lists", lists])
        assert refused.exit_code != 0
        assert said in f"{refused.output}{refused.exception}"
    assert shell.invoke(token_cli, ["list"]).output.count("anna") == 1


OF_CALLS = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN) (?:task|task_list|reminder|person|change\w*|outbox_entry)\b")
ON_THE_SIDE = re.compile(r"min\(task\.deadline\)|max\(outbox_entry")
"""What followers of the whole service ask, at times of their own."""


@contextmanager
def note_statements() -> Iterator[list[str]]:
    """Yield the texts of the statements that are executed while the context lasts."""
    noted: list[str] = []

    def note(_c: Any, _cursor: Any, sql: str, *_more: Any) -> None:
        noted.append(sql)

    straight = sql_module.fetch_raw

    def note_straight(connection: Connection, sql: str, parameters: tuple[Any, ...]) -> Sequence[Any]:
        driver: Any = connection.connection.driver_connection
        # The first statement of a transaction on PostgreSQL is listened to.
        if is_sqlite(connection) or driver.is_in_transaction():
            noted.append(sql)
        return straight(connection, sql, parameters)

    sql_module.fetch_raw = note_straight
    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield noted
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        sql_module.fetch_raw = straight


async def test_a_token_for_all_lists_costs_no_statement_and_no_condition_more(house: House) -> None:
    ann = await house.join("Ann")
    await ann.rest("POST", "/lists", json={"name": "Work"})
    bound = await give_bound(house, ann, "Work")
    counts = []
    for person in (ann, bound, ann, bound):
        with note_statements() as noted:
            await person.make("Inside", list="Work")
            await person.titles()
        own = [sql for sql in noted if OF_CALLS.search(sql) and not ON_THE_SIDE.search(sql)]
        counts.append(len(own))
        assert any("list_id IN" in sql for sql in own) is (person is bound)
    assert counts[2] == counts[3] > 4, "once the door knows both"
