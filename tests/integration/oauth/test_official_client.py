"""The official SDK's client goes the whole way: discovery, registration or description, consent, tokens, calls."""

import pytest

from tests.integration.oauth.hall import Hall, Kept

PROMISES = ("oauth",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("described", [False, True], ids=["registered", "described"])
async def test_a_program_connects_and_acts_for_the_person(hall: Hall, mode: str, described: bool) -> None:
    hall.web.describe()
    ann = await hall.house.join("Ann")
    browser, kept = await hall.sign_in(ann), Kept()
    client = await hall.join(browser, kept, described=described, mode=mode)
    made = await hall.house.world.call(client, "create_task", title="Water the plants")
    assert await ann.titles() == {"Water the plants"}
    assert kept.client is not None
    assert (kept.client.client_id.startswith("https://")) is described
    (event,) = await hall.house.world.events()
    assert event["data"]["data"]["actor"]["token"] == "Claude"  # noqa: S105  # a label
    [connection] = (await browser.api("GET", "/connections")).json()["connections"]
    assert (connection["name"], connection["host"]) == ("Claude", "claude.example")
    assert made["task"]["title"] == "Water the plants"
