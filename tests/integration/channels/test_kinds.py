"""Reminders by ntfy, e-mail and web push: what each receiver gets, and how it is taken back."""

from base64 import urlsafe_b64decode
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.integration.channels.receivers import Browser, Mailbox, Web, add_mailbox, answer, make, ring, write64
from tests.world import World, open_world

PROMISES = ("channels-deliver",)

pytestmark = pytest.mark.anyio

TOKEN = "tk_secret"  # noqa: S105  # of no server


@pytest.mark.on_both_databases
async def test_ntfy_gets_the_reminder_with_buttons_and_is_cleared_when_it_is_done_elsewhere(
    world: World, web: Web
) -> None:
    made = await make(world, kind="ntfy", address="https://ntfy.example/sub/my-topic", token=TOKEN)
    task = await ring(world)
    (request,) = web.asked
    (message,) = web.bodies("ntfy.example")
    assert (request.method, request.url.path) == ("POST", "/sub/")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert (message["topic"], message["title"]) == ("my-topic", "Buy milk")
    assert message["message"] == 'Reminder: "Buy milk"'
    assert [each["label"] for each in message["actions"]] == ["Done", "10 min", "Tomorrow"]
    assert {each["method"] for each in message["actions"]} == {"POST"}
    assert message["sequence_id"] == f"todo-{task['reminders'][0]['id']}"
    assert TOKEN not in (await world.rest.get("/channels")).text
    await world.rest.post(f"/tasks/{task['id']}/complete")
    await world.settle()
    await world.send()
    cleared = web.asked[-1]
    assert (cleared.method, cleared.url.path) == ("PUT", f"/sub/my-topic/{message['sequence_id']}/clear")
    await world.rest.post(f"/tasks/{task['id']}/reopen")
    await world.settle()
    await world.send()
    assert len(web.asked) == 2, "it is cleared once"
    listed = (await world.rest.get(f"/channels/{made['id']}/deliveries")).json()["deliveries"]
    assert [(each["what"], each["state"]) for each in listed] == [("clear", "sent"), ("ring", "sent")]


@pytest.mark.parametrize("how", ["snooze", "delete", "complete"])
async def test_what_was_pushed_is_taken_back_however_it_was_answered(world: World, web: Web, how: str) -> None:
    browser = Browser()
    await make(world, kind="webpush", subscription=browser.subscription())
    task = await ring(world)
    reminder = task["reminders"][0]["id"]
    if how == "snooze":
        await world.rest.post(f"/reminders/{reminder}/snooze", json={"duration": "1h"})
    elif how == "delete":
        await world.rest.delete(f"/tasks/{task['id']}")
    else:
        await world.rest.post(f"/tasks/{task['id']}/complete")
    await world.settle()
    await world.send()
    assert browser.read(web.asked[-1]) == {"type": "clear", "tag": f"todo-{reminder}"}
    await world.tick(hours=1)
    await world.send()
    assert len(web.asked) == (3 if how == "snooze" else 2)


async def test_a_server_that_cannot_clear_is_not_asked_again(world: World, web: Web) -> None:
    made = await make(world, kind="ntfy", address="https://ntfy.example/my-topic")
    task = await ring(world)
    web.replies["ntfy.example"] = answer(404)
    await world.rest.post(f"/tasks/{task['id']}/complete")
    await world.settle()
    await world.send()
    world.clock.move(hours=2)
    await world.send()
    assert len(web.asked) == 2
    assert "problem" not in (await world.rest.get(f"/channels/{made['id']}")).json()


@pytest.mark.on_both_databases
async def test_web_push_is_encrypted_for_the_browser_and_signed_with_the_services_key(world: World, web: Web) -> None:
    browser = Browser()
    listed = (await world.rest.get("/channels")).json()
    assert listed["kinds"] == ["ntfy", "webhook", "webpush"]
    await make(world, kind="webpush", subscription=browser.subscription(), name="Phone")
    task = await ring(world, 'Say "hi"\u202e')
    (request,) = web.asked
    message = browser.read(request)
    assert message["type"] == "ring"
    assert message["title"] == 'Say "hi"⟨U+202E⟩'
    assert message["tag"] == f"todo-{task['reminders'][0]['id']}"
    assert [each["action"] for each in message["actions"]] == ["done", "10m", "tomorrow"]
    assert message["link"].startswith("http://127.0.0.1:8000/act/")
    assert (request.headers["ttl"], request.headers["urgency"]) == ("86400", "high")
    assert len(request.headers["topic"]) <= 32
    scheme, _, given = request.headers["authorization"].partition(" ")
    parts = dict(part.strip().split("=", 1) for part in given.split(","))
    assert (scheme, parts["k"]) == ("vapid", listed["vapid_public_key"])
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), urlsafe_b64decode(parts["k"] + "="))
    claims = jwt.decode(
        parts["t"], point, algorithms=["ES256"], audience="https://push.example", options={"verify_exp": False}
    )
    assert claims["sub"].startswith(("mailto:", "https:"))
    assert 0 < claims["exp"] - world.clock.now().timestamp() <= 24 * 3_600
    assert b"Say" not in request.content


async def test_the_key_of_web_push_stays_over_a_restart(tmp_path: Path, storage: str) -> None:
    keys = []
    for _ in range(2):
        async with open_world(tmp_path) as world:
            keys.append((await world.rest.get("/channels")).json()["vapid_public_key"])
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    ("status", "ends"),
    [(404, True), (410, True), (400, False), (401, False), (403, False), (413, False), (429, False), (500, False)],
)
async def test_404_and_410_end_a_subscription_and_nothing_else_does(
    world: World, web: Web, status: int, *, ends: bool
) -> None:
    browser = Browser()
    made = await make(world, kind="webpush", subscription=browser.subscription())
    web.replies["push.example"] = answer(status)
    await ring(world)
    channel = (await world.rest.get(f"/channels/{made['id']}")).json()
    assert channel["enabled"] is not ends
    assert str(status) in channel["problem"]
    again = await make(world, kind="webpush", subscription=browser.subscription(auth=write64(b"f" * 16)))
    assert (again["id"], again["enabled"], "problem" in again) == (made["id"], True, False)


@pytest.mark.parametrize(
    "keys",
    [
        {"p256dh": ""},
        {"p256dh": "x" * 87},
        {"p256dh": write64(b"\x04" + b"\x01" * 64)},
        {
            "p256dh": write64(
                ec.generate_private_key(ec.SECP256R1())
                .public_key()
                .public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
            )
        },
        {
            "p256dh": write64(
                ec.generate_private_key(ec.SECP256K1())
                .public_key()
                .public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            )
        },
        {"p256dh": "A" * 10_000},
        {"auth": "short"},
        {"auth": write64(b"a" * 17)},
        {"auth": "Ä" * 22},
    ],
    ids=[
        "empty",
        "nonsense",
        "off the curve",
        "compressed",
        "another curve",
        "10 kB",
        "short secret",
        "long secret",
        "no base64",
    ],
)
async def test_a_subscription_with_wrong_keys_is_refused(world: World, web: Web, keys: dict[str, str]) -> None:
    body = {"kind": "webpush", "subscription": Browser().subscription(**keys)}
    refused = await world.rest.post("/channels", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")
    assert not await world.query("SELECT 1 FROM channel")


async def test_a_mail_says_what_rings_and_has_a_link(post: tuple[World, Mailbox]) -> None:
    world, mailbox = post
    made = await add_mailbox(world, mailbox)
    assert made["address"] == "a…@example.org"
    await ring(world, "Bcc: evil@example.org ⟂ Überweisung")
    (message,) = mailbox.read()
    assert mailbox.got[0][0] == ["anna@example.org"]
    assert message["subject"] == "Bcc: evil@example.org ⟂ Überweisung"
    assert (message["to"], message["from"]) == ("anna@example.org", "todo@house.example")
    assert message["bcc"] is None
    assert "/act/" in message.get_content()
    (row,) = await world.query("SELECT id FROM channel_delivery")
    assert message["message-id"] == f"<{row[0]}@house.example>"


async def test_a_title_cannot_bring_headers_of_its_own(post: tuple[World, Mailbox]) -> None:
    world, mailbox = post
    await add_mailbox(world, mailbox)
    await ring(world, "Milk\u2028Bcc: evil@example.org\u0085X-Evil: 1")
    (message,) = mailbox.read()
    assert set(message.keys()) >= {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"}
    assert not {"Bcc", "X-Evil"} & set(message.keys())
    assert mailbox.got[0][0] == ["anna@example.org"]


async def test_a_recipient_that_the_server_refuses_is_given_up_and_no_other(post: tuple[World, Mailbox]) -> None:
    world, mailbox = post
    gone = await add_mailbox(world, mailbox, "gone@example.org")
    good = await add_mailbox(world, mailbox)
    mailbox.refused = ("gone@example.org",)
    await ring(world)
    (listed,) = (await world.rest.get(f"/channels/{gone['id']}/deliveries")).json()["deliveries"]
    assert (listed["state"], listed["reason"]) == (
        "given_up",
        "was not reached: the mail server refuses this address (550)",
    )
    (listed,) = (await world.rest.get(f"/channels/{good['id']}/deliveries")).json()["deliveries"]
    assert listed["state"] == "sent"


async def test_a_server_that_is_busy_gets_the_mail_later(post: tuple[World, Mailbox]) -> None:
    world, mailbox = post
    await add_mailbox(world, mailbox)
    mailbox.code = "451 4.3.0 later"
    await ring(world)
    assert not mailbox.got
    mailbox.code = "250 OK"
    world.clock.move(minutes=1)
    await world.send()
    assert len(mailbox.got) == 1


@pytest.mark.parametrize(
    "address",
    [
        "anna",
        "anna@",
        "@x.example",
        "a@b@c.example",
        "a b@x.example",
        "a\r\nRCPT TO:<b@x.example>@x.example",
        "x" * 300,
        f"x@{'y' * 250}.example",
        "a..b@x.example",
        ".a@x.example",
        "a.@x.example",
        "a@x..example",
        "a@.example",
    ],
)
async def test_what_is_no_mail_address_is_refused(post: tuple[World, Mailbox], address: str) -> None:
    world, _ = post
    refused = await world.rest.post("/channels", json={"kind": "email", "address": address})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")


@pytest.mark.parametrize(
    "given",
    [
        {"token": "tk\r\nX-Evil: 1"},
        {"token": "tk 1"},
        {"token": "tk_\u00e4"},
        {"address": "https://ntfy.example/"},
        {"address": "https://ntfy.example/topic?auth=word"},
    ],
    ids=["a header", "a blank", "no ASCII", "no topic", "a query"],
)
async def test_what_is_no_topic_or_no_token_of_ntfy_is_refused(world: World, web: Web, given: dict[str, str]) -> None:
    body = {"kind": "ntfy", "address": "https://ntfy.example/topic", **given}
    refused = await world.rest.post("/channels", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")
    assert not await world.query("SELECT 1 FROM channel")


async def test_a_kind_that_is_not_set_up_says_who_can(world: World) -> None:
    refused = await world.rest.post("/channels", json={"kind": "email", "address": "anna@example.org"})
    assert refused.status_code == 422
    assert "TODO_SMTP_URL" in refused.json()["detail"]
    refused = await world.rest.post("/channels", json={"kind": "pigeon", "address": "x"})
    assert refused.status_code == 422
