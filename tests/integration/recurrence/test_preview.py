"""The preview of a rule: the same on every surface, and stored nowhere."""

from typing import Any

import pytest

from tests.world import World

PROMISES = ("recurrence-rules",)

pytestmark = pytest.mark.anyio


async def preview(world: World, **arguments: Any) -> dict[str, Any]:
    """Return the preview through REST, after checking that MCP in both revisions gives the same."""
    response = await world.rest.post("/recurring-tasks/preview", json=arguments)
    answer: dict[str, Any] = response.json()
    for mode in ("auto", "legacy"):
        result = await (await world.connect(mode)).call_tool("preview_occurrences", arguments)
        structured = result.structured_content or {}
        assert structured == answer if response.is_success else structured["code"] == answer["code"]
    assert await world.query("SELECT count(*) FROM outbox_entry") == [(0,)]
    return answer


async def test_the_last_friday_is_shown_in_words_and_dates(world: World) -> None:
    answer = await preview(world, rule="FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17", count=3)
    assert answer["rule_text"] == "on the last Friday of each month at 17:00"
    assert [each["due_text"] for each in answer["occurrences"]] == [
        "Fri 27 Nov 2026, 17:00 Europe/Berlin",
        "Fri 25 Dec 2026, 17:00 Europe/Berlin",
        "Fri 29 Jan 2027, 17:00 Europe/Berlin",
    ]
    assert answer["occurrences"][0]["due"] == "2026-11-27T16:00:00Z"
    assert answer["now"] == "Mon 23 Nov 2026, 10:00 Europe/Berlin"


async def test_the_wall_time_holds_over_the_clock_change_in_the_rules_zone(world: World) -> None:
    answer = await preview(world, rule="FREQ=DAILY", first_due="2026-10-31T09:00", zone="America/New_York", count=3)
    assert [each["due"] for each in answer["occurrences"]] == [
        "2026-10-31T13:00:00Z",
        "2026-11-01T14:00:00Z",
        "2026-11-02T14:00:00Z",
    ]


async def test_skipped_months_and_a_moved_start_are_warned_of(world: World) -> None:
    answer = await preview(world, rule="FREQ=MONTHLY;BYMONTHDAY=31", first_due="2026-11-30", count=3)
    assert [each["due"] for each in answer["occurrences"]] == ["2026-12-31", "2027-01-31", "2027-03-31"]
    assert any("not on the rule" in warning for warning in answer["warnings"])
    assert any("31" in warning and "skipped" in warning for warning in answer["warnings"])


async def test_dates_after_a_day_and_past_rules_are_shown(world: World) -> None:
    answer = await preview(world, rule="FREQ=WEEKLY;UNTIL=20200131", first_due="2020-01-01", after="2020-01-15")
    assert [each["due"] for each in answer["occurrences"]] == ["2020-01-22", "2020-01-29"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "invalid_arguments"),
        ({"rule": "FREQ=DAILY", "task_id": "x"}, "invalid_arguments"),
        ({"rule": "FREQ=SECONDLY"}, "rule_invalid"),
        ({"rule": "FREQ=DAILY;INTERVAL=0"}, "rule_invalid"),
        ({"rule": "FREQ=DAILY;COUNT=3;UNTIL=20270101"}, "rule_invalid"),
        ({"rule": "X" * 2_000}, "rule_invalid"),
        ({"rule": "FREQ=MINUTELY;INTERVAL=5", "first_due": "2026-11-27T09:00"}, "rule_too_frequent"),
        ({"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31"}, "rule_never_occurs"),
        ({"rule": "FREQ=DAILY", "zone": "Europe/Nowhere"}, "invalid_time"),
        ({"task_id": "01930000-0000-7000-8000-ffffffffffff"}, "task_not_found"),
    ],
)
async def test_a_bad_rule_is_refused_with_its_code(world: World, arguments: dict[str, Any], code: str) -> None:
    assert (await preview(world, **arguments))["code"] == code
