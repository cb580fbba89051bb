"""The form on which a person agrees is good for their own session and for one answer; `/docs` opens for a session."""

import re
from typing import Any

import httpx2
import pytest

from tests.integration.access.house import PAGE, House, Person

PROMISES = ("sealed-form",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

FORM = {**PAGE, "content-type": "application/x-www-form-urlencoded"}
del FORM["x-todo-page"]


async def ask(person: Person) -> str:
    """Let an agent of the person want what needs their agreement; return the question's id."""
    made = [await person.make(f"Task {number}") for number in range(12)]
    client = await person.connect()
    many = [{"tool": "delete_task", "arguments": {"task_id": task["id"]}} for task in made]
    plan = await client.call_tool("plan_changes", {"changes": many})
    assert plan.structured_content is not None
    asked = await client.call_tool("apply_plan", {"plan_id": plan.structured_content["plan_id"]})
    assert asked.is_error, "it waits for the person"
    questions = (await person.rest("GET", "/confirmations")).json()["confirmations"]
    return str(questions[0]["id"])


async def sign_in(house: House, person: Person, browser: httpx2.AsyncClient) -> None:
    signed = await browser.post("/api/session", json={"token": await house.invite(person)})
    assert signed.status_code == 201


async def read_seal(browser: httpx2.AsyncClient, question: str) -> str:
    page = (await browser.get(f"/confirm/{question}")).text
    found = re.search(r'name="seal" value="([0-9a-f]{64})"', page)
    assert found, page
    return found[1]


async def post(browser: httpx2.AsyncClient, question: str, **form: Any) -> httpx2.Response:
    return await browser.post(f"/confirm/{question}", data=form, headers=FORM)


async def test_only_the_sessions_own_form_decides_and_once(house: House) -> None:
    ann = await house.join("Ann")
    question = await ask(ann)
    async with house.browser() as mine, house.browser() as other:
        await sign_in(house, ann, mine)
        await sign_in(house, ann, other)
        seal, foreign = await read_seal(mine, question), await read_seal(other, question)
        assert seal != foreign, "each session has its own"
        for forged in ({}, {"seal": ""}, {"seal": "0" * 64}, {"seal": foreign}, {"seal": "é"}):
            refused = await post(mine, question, decision="accept", **forged)
            assert refused.status_code == 403
            assert "Open the question again" in refused.text
        state = (await ann.rest("GET", "/confirmations")).json()["confirmations"][0]["state"]
        assert state == "pending", "nothing was decided"
        assert (await post(mine, question, decision="accept", seal=seal)).status_code == 200
        again = await post(mine, question, decision="reject", seal=seal)
        assert again.status_code == 409
        assert (await ann.rest("GET", "/confirmations")).json()["confirmations"][0]["state"] == "accepted"


async def test_a_seal_is_for_one_question(house: House) -> None:
    ann = await house.join("Ann")
    first = await ask(ann)
    async with house.browser() as mine:
        await sign_in(house, ann, mine)
        seal = await read_seal(mine, first)
        moved = await post(mine, first.replace(first[-4:], "ffff"), decision="accept", seal=seal)
        assert moved.status_code == 403


async def test_the_api_page_opens_for_a_session_and_needs_no_script(house: House) -> None:
    ann = await house.join("Ann")
    async with house.browser() as browser:
        await sign_in(house, ann, browser)
        page = await browser.get("/docs")
        assert page.status_code == 200
        assert "default-src" in page.headers["content-security-policy"]
        assert "<script" not in page.text
        for sheet in re.findall(r'href="(/page/[^"]+)"', page.text):
            assert (await browser.get(sheet)).status_code == 200
        assert (await browser.get("/openapi.json")).status_code == 200
