"""Mailboxes: confirmed by their owner before anything else goes there, and a way to sign in."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.access.people import set_disabled
from tests.integration.access.house import House, Person, open_house
from tests.integration.channels.receivers import Mailbox, add_mailbox, make, ring
from tests.world import URL, World

PROMISES = ("mailboxes",)

pytestmark = pytest.mark.anyio

ADDRESS = "anna@example.org"
FORM = {"origin": URL, "content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def mail_house(tmp_path: Path, anyio_backend: str, storage: str) -> AsyncIterator[tuple[House, Mailbox]]:
    """A service of several people with a mail server."""
    mailbox = Mailbox()
    async with mailbox.serve() as settings, open_house(tmp_path, **settings) as house:
        yield house, mailbox


async def press(client: httpx2.AsyncClient, path: str) -> httpx2.Response:
    return await client.post(path, headers=FORM, content="decision=confirm")


async def add(person: Person, address: str = ADDRESS) -> dict[str, Any]:
    made = await person.rest("POST", "/channels", json={"kind": "email", "address": address})
    assert made.status_code == 201, made.text
    view: dict[str, Any] = made.json()
    return view


async def own(house: House, mailbox: Mailbox, person: Person, address: str = ADDRESS) -> dict[str, Any]:
    """Let a person have a confirmed mailbox, in a browser of theirs."""
    made = await add(person, address)
    async with house.browser() as browser:
        await enter(browser, await house.invite(person))
        assert "is confirmed" in (await press(browser, mailbox.take_link("mail/"))).text
    return made


async def enter(browser: httpx2.AsyncClient, secret: str) -> httpx2.Response:
    return await browser.post("/api/session", json={"token": secret})


async def ask(house: House, address: str = ADDRESS) -> httpx2.Response:
    """Ask for a link to sign in, and wait until what it begins has ended."""
    said = await house.world.rest.post("/session/link", json={"email": address})
    await house.world.service.mailing.settle()
    return said


def take_invitation(mailbox: Mailbox) -> str:
    return mailbox.take_link("#invitation=").removeprefix("/#invitation=")


@pytest.mark.on_both_databases
async def test_nothing_but_the_question_goes_to_an_address_until_its_owner_presses_the_button(
    post: tuple[World, Mailbox],
) -> None:
    world, mailbox = post
    made = await make(world, kind="email", address=ADDRESS)
    assert made["confirmation"]["ok"]
    path = mailbox.take_link("mail/")
    assert "not confirmed" in made["problem"]
    await ring(world)
    refused = await world.rest.post(f"/channels/{made['id']}/test")
    assert (refused.status_code, refused.json()["code"]) == (409, "channel_unconfirmed")
    for _ in range(2):  # a scanner looks at the link, once and again
        looked = await world.http.get(path)
        assert (looked.status_code, "a…@example.org" in looked.text) == (200, True)
    assert "not confirmed" in (await world.rest.get(f"/channels/{made['id']}")).json()["problem"]
    assert not mailbox.got
    assert not await world.query("SELECT 1 FROM channel_delivery")
    assert (await world.http.post(path, content="decision=confirm")).status_code == 403, "without an origin"
    for _ in range(2):
        assert "is confirmed" in (await press(world.http, path)).text
    assert "problem" not in (await world.rest.get(f"/channels/{made['id']}")).json()
    again = (await world.rest.post(f"/channels/{made['id']}/confirmation")).json()
    assert again == {"ok": True, "message": "This address is confirmed already."}
    await world.rest.post("/tasks", json={"title": "Second", "reminders": [{"at": "2026-11-23T11:30"}]})
    await world.settle()
    await world.tick(hours=1)
    await world.send()
    assert [message["subject"] for message in mailbox.read()] == ["Second"]


async def test_a_link_that_is_tampered_late_or_of_an_address_before_confirms_nothing(
    post: tuple[World, Mailbox],
) -> None:
    world, mailbox = post
    made = await make(world, kind="email", address=ADDRESS)
    path = mailbox.take_link("mail/")
    channel, expires, mac = path.removeprefix("/mail/").split(".")
    later = f"{int(expires, 16) + 1:x}"
    for wrong in (f"{channel}.{later}.{mac}", f"{channel}.{expires}.{mac[::-1]}"):
        assert (await press(world.http, f"/mail/{wrong}")).status_code == 410
    for wrong in (f"{channel}.{expires}", "x"):
        assert (await press(world.http, f"/mail/{wrong}")).status_code == 404
    await world.rest.patch(f"/channels/{made['id']}", json={"address": "other@example.org"})
    assert (await press(world.http, path)).status_code == 410, "it was for the address before"
    late = mailbox.take_link("mail/")
    world.clock.move(days=3)
    assert (await press(world.http, late)).status_code == 410
    assert "confirmed_at" not in (await world.rest.get(f"/channels/{made['id']}")).json()
    assert (await press(world.http, f"/mail/{world.ids.new()}.{expires}.{mac}")).status_code == 404
    await world.rest.post(f"/channels/{made['id']}/confirmation")
    assert (await press(world.http, mailbox.take_link("mail/"))).status_code == 200


@pytest.mark.on_both_databases
async def test_another_address_has_to_be_confirmed_anew_and_gets_nothing_that_waited_for_the_first(
    post: tuple[World, Mailbox],
) -> None:
    world, mailbox = post
    made = await add_mailbox(world, mailbox)
    mailbox.code = "451 4.3.0 later"
    await ring(world)
    mailbox.code = "250 OK"
    changed = await world.rest.patch(f"/channels/{made['id']}", json={"address": "other@example.org"})
    assert changed.json()["confirmation"]["ok"]
    assert "not confirmed" in changed.json()["problem"]
    mailbox.take_link("mail/")
    world.clock.move(hours=1)
    await world.send()
    assert not mailbox.got
    rows = await world.query("SELECT state, reason FROM channel_delivery")
    assert [tuple(row) for row in rows] == [("dropped", "its address was changed")]


async def test_an_address_cannot_be_flooded_and_a_person_cannot_flood(mail_house: tuple[House, Mailbox]) -> None:
    house, mailbox = mail_house
    ann, ben, cid = [await house.join(name) for name in ("Ann", "Ben", "Cid")]
    made = await add(ann)
    await add(ben)
    path = f"/channels/{made['id']}/confirmation"
    assert (await ann.rest("POST", path)).json()["ok"]
    refused = await cid.rest("POST", "/channels", json={"kind": "email", "address": ADDRESS.upper()})
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) == 1_200
    assert not (await cid.rest("GET", "/channels")).json()["channels"]
    assert len(mailbox.got) == 3
    for number in range(10):
        await add(cid, f"c{number}@x.example")
    refused = await cid.rest("POST", "/channels", json={"kind": "email", "address": "c10@x.example"})
    assert refused.status_code == 429
    assert len(mailbox.got) == 13


async def test_a_mail_server_that_is_down_is_said_and_the_link_can_be_sent_again(post: tuple[World, Mailbox]) -> None:
    world, mailbox = post
    mailbox.code = "451 4.3.0 later"
    made = await make(world, kind="email", address=ADDRESS)
    said = made["confirmation"]
    assert (said["ok"], "was not sent" in said["message"]) == (False, True)
    shown = (await world.rest.get(f"/channels/{made['id']}")).json()
    assert "did not arrive" in shown["problem"]
    mailbox.code = "250 OK"
    assert (await world.rest.post(f"/channels/{made['id']}/confirmation")).json()["ok"]
    assert "is confirmed" in (await press(world.http, mailbox.take_link("mail/"))).text


@pytest.mark.on_both_databases
async def test_only_the_person_who_added_an_address_confirms_it_and_only_in_a_session(
    mail_house: tuple[House, Mailbox],
) -> None:
    house, mailbox = mail_house
    ann, ben = await house.join("Ann"), await house.join("Ben")
    made = await add(ann)
    path = mailbox.take_link("mail/")
    async with house.browser() as browser:
        led = await browser.get(path)
        assert (led.status_code, led.headers["location"]) == (303, f"/?next={path}")
        assert (await press(browser, path)).status_code == 401
        await enter(browser, await house.invite(ben))
        assert (await press(browser, path)).status_code == 404, "whoever reads a mistyped mailbox confirms nothing"
    by_agent = {"authorization": f"Bearer {ann.token}", **FORM}
    assert (await house.world.http.post(path, headers=by_agent, content="")).status_code == 403
    async with house.browser() as browser:
        await enter(browser, await house.invite(ann))
        assert (await browser.post(path, headers={"origin": "https://evil.example"}, content="")).status_code == 403
        assert "confirmed_at" not in (await ann.rest("GET", f"/channels/{made['id']}")).json()
        assert "is confirmed" in (await press(browser, path)).text


@pytest.mark.on_both_databases
async def test_a_link_by_mail_signs_its_person_in_once_and_for_fifteen_minutes(
    mail_house: tuple[House, Mailbox],
) -> None:
    house, mailbox = mail_house
    ann = await house.join("Ann")
    await own(house, mailbox, ann)
    async with house.browser() as browser:
        assert (await browser.get("/api/session")).json() == {"auth": "token", "signed_in": False, "link": True}
    assert (await ask(house, ADDRESS.upper())).status_code == 202
    (message,) = mailbox.read()
    assert (message["to"], "as Ann" in message.get_content()) == (ADDRESS, True)
    secret = take_invitation(mailbox)
    async with house.browser() as browser, house.browser() as other:
        assert (await enter(browser, secret)).json()["name"] == "Ann"
        assert (await enter(other, secret)).status_code == 401, "used"
        assert (await browser.get("/api/tasks")).status_code == 200
    await ask(house)
    secret = take_invitation(mailbox)
    async with house.browser() as browser:
        flipped = "A" if secret[10] != "A" else "B"
        assert (await enter(browser, f"{secret[:10]}{flipped}{secret[11:]}")).status_code == 401, "tampered"
        house.world.clock.move(minutes=15)
        assert (await enter(browser, secret)).status_code == 401, "late"


@pytest.mark.on_both_databases
async def test_a_request_for_a_link_tells_nothing(mail_house: tuple[House, Mailbox]) -> None:
    house, mailbox = mail_house
    ann, ben = await house.join("Ann"), await house.join("Ben")
    await own(house, mailbox, ann)
    await add(ben, "ben@example.org")
    mailbox.got.clear()
    texts = {(await ask(house, address)).text for address in (ADDRESS, "ben@example.org", "nobody@example.org")}
    assert len(texts) == 1
    assert [message["to"] for message in mailbox.read()] == [ADDRESS], "an unconfirmed one gets nothing"
    held = await house.world.query("SELECT key FROM rate WHERE key LIKE 'sign-in:%'")
    assert len(held) == 1, "strangers fill no table"
    await house.world.service.database.write(lambda it: set_disabled(it, "Ann", house.world.clock.now(), disabled=True))
    mailbox.got.clear()
    await ask(house)
    assert not mailbox.got


async def test_an_answer_waits_for_no_mail_server_and_one_that_is_down_leaves_no_invitation(
    mail_house: tuple[House, Mailbox],
) -> None:
    house, mailbox = mail_house
    await own(house, mailbox, await house.join("Ann"))
    mailbox.held = asyncio.Event()
    mailbox.code = "451 4.3.0 later"
    async with asyncio.timeout(5):
        said = await house.world.rest.post("/session/link", json={"email": ADDRESS})
    assert said.status_code == 202, "while the server keeps the sender waiting"
    mailbox.held.set()
    await house.world.service.mailing.settle()
    made = "SELECT revoked_at FROM credential WHERE label = 'link by e-mail'"
    assert [row[0] is not None for row in await house.world.query(made)] == [True]
    mailbox.code = "250 OK"
    await ask(house)
    async with house.browser() as browser:
        assert (await enter(browser, take_invitation(mailbox))).status_code == 201


async def test_links_are_bounded_by_address_and_by_who_asks(mail_house: tuple[House, Mailbox]) -> None:
    house, mailbox = mail_house
    await own(house, mailbox, await house.join("Ann"))
    said = [await ask(house) for _ in range(5)]
    assert [each.status_code for each in said] == [202] * 5
    assert len(mailbox.got) == 3, "to one address three in an hour"
    refused = await ask(house, "nobody@example.org")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    house.world.clock.move(minutes=20)
    await ask(house)
    assert len(mailbox.got) == 4


async def test_a_mailbox_of_two_people_gets_a_link_for_each(mail_house: tuple[House, Mailbox]) -> None:
    house, mailbox = mail_house
    for name in ("Ann", "Ben"):
        await own(house, mailbox, await house.join(name))
    await ask(house)
    names = []
    for _ in range(2):
        async with house.browser() as browser:
            names.append((await enter(browser, take_invitation(mailbox))).json()["name"])
    assert sorted(names) == ["Ann", "Ben"]


@pytest.mark.parametrize("body", [{}, {"email": 1}, {"email": "anna"}, {"email": ADDRESS, "next": "/"}])
async def test_what_is_no_request_for_a_link_is_refused(
    mail_house: tuple[House, Mailbox], body: dict[str, object]
) -> None:
    house, _ = mail_house
    refused = await house.world.rest.post("/session/link", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")


async def test_without_a_mail_server_or_a_door_there_are_no_links(house: House, world: World) -> None:
    for each in (house.world, world):
        refused = await each.rest.post("/session/link", json={"email": ADDRESS})
        assert refused.status_code == 409
    assert "link" not in (await house.world.rest.get("/session")).json()
