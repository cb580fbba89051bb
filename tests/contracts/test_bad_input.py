"""Bad calls: the same refusal from every surface, in a clear sentence, with nothing stored and nothing echoed."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.contracts.surfaces import (
    LONG,
    SURFACES,
    Surface,
    assert_says_little_and_clearly,
    call,
    count_stored,
    make_foreign_task,
    raw,
)
from tests.world import World

PROMISES = ("bad-input",)

pytestmark = pytest.mark.anyio

STATUS = {"task_not_found": 404, "version_conflict": 412, "bad_json": 400}
NESTED: Any = "deep"
for _ in range(60):
    NESTED = [NESTED]


@dataclass(frozen=True)
class Bad:
    """A bad call: `says` are words that the sentence must have; `protocol` are codes that may stand instead."""

    name: str
    tool: str
    arguments: dict[str, Any]
    code: str = "invalid_arguments"
    says: str = ""
    protocol: tuple[str, ...] = ()


def create(name: str, says: str = "", code: str = "invalid_arguments", **arguments: Any) -> Bad:
    return Bad(name, "create_task", {"title": "Milk", **arguments}, code, says)


def change(name: str, says: str = "", code: str = "invalid_arguments", **arguments: Any) -> Bad:
    return Bad(name, "update_task", {"task_id": "{task}", **arguments}, code, says)


def find(name: str, says: str = "", code: str = "invalid_arguments", **arguments: Any) -> Bad:
    return Bad(name, "find_tasks", arguments, code, says)


def remind(name: str, says: str = "", code: str = "invalid_arguments", **arguments: Any) -> Bad:
    return Bad(name, "set_reminder", {"task_id": "{task}", **arguments}, code, says)


UNREADABLE = ("bad_json", "-32700", "-32602")
HOSTILE_DUES = (
    *("2026-02-30", "2026-13-01", "2026-11-27T25:00", "2026-11-27T17:60", "0000-01-01", "2026-W48", "2026-W48-5"),
    *("2026-331", "20261127", "２０２６-11-27", "2026-11-2٧", "tomorrow", "2026-11-27T17:00+99:00", "1790000000"),
    *("2026-11-27T17:00Europe/Berlin", "-2026-11-27", "12026-11-27", "9999-12-31", "2026-11-27T", "P1D"),
)

CASES = (
    create("an unknown argument", 'did you mean "title"', titel="Milk"),
    create("an unknown argument that is a known mistake", 'did you mean "due"', deadline="2026-11-27"),
    create("an unknown argument near to nothing", "is not an argument; allowed: ", zzz="1"),
    create("an unknown argument of endless name", "is not an argument", **{LONG * 500: "1"}),
    create("a user argument", "is not an argument", user_id="other"),
    Bad("no title", "create_task", {"notes": "n"}, says='"title" is missing'),
    create("an empty title", '"title" is empty', title=""),
    create("a blank title", '"title" is empty', title=" \t\n "),
    create("a title of 201 characters", "at most 200", title=LONG * 201),
    create("a title that is a list", "must be a text", title=["Milk"]),
    create("a title that is true", "must be a text", title=True),
    create("notes of 20,001 characters", "at most 20000", notes=LONG * 20_001),
    create("51 tags", "at most 50", tags=[f"t{number}" for number in range(51)]),
    create("a tag of 65 characters", "at most 64", tags=[LONG * 65]),
    create("an empty tag", "is empty", tags=["a", " "]),
    create("21 reminders", "at most 20", reminders=[f"{number}h" for number in range(1, 22)], due="2026-12-27"),
    create("a priority that is none", "must be one of", priority="sometimes"),
    create("a NUL in the title", "NUL", title="a\0b"),
    create("a NUL in a tag", "NUL", tags=["a\0b"]),
    create("a NUL in a name", "NUL", **{"a\0b": "1"}),
    Bad("half a surrogate pair", "create_task", {"title": raw('"\\ud800"')}, protocol=UNREADABLE),
    Bad("a swapped surrogate pair", "create_task", {"title": raw('"\\udc00\\ud800"')}, protocol=UNREADABLE),
    create("NaN", "finite", notes=raw("NaN")),
    create("Infinity", "finite", notes=raw("Infinity")),
    create("minus Infinity in a list", "finite", tags=[raw("-Infinity")]),
    create("1e999", "finite", title=raw("1e999")),
    create("a whole number beyond 64 bits", "64 bits", title=2**63),
    create("a whole number far beyond 64 bits", "64 bits", notes=-(10**400)),
    Bad("a whole number of 5,000 digits", "create_task", {"title": raw("9" * 5000)}, protocol=UNREADABLE),
    create("deep nesting", "nested deeper", notes=NESTED),
    create("deep nesting in a text", "nested deeper", tags="[" * 60 + "]" * 60),
    Bad("bottomless nesting", "create_task", {"title": raw("[" * 50_000 + "]" * 50_000)}, protocol=UNREADABLE),
    *(create(f"the due {due!a}", "not a date", "invalid_time", due=due) for due in HOSTILE_DUES),
    create("a due of 65 characters", "at most 64", due=LONG * 65),
    create("a request_id of 256 characters", "at most 255", request_id=LONG * 256),
    create("a request_id that was used for another call", "another call", "request_id_reused", request_id="seed"),
    change("a title of 201 characters in a change", "at most 200", title=LONG * 201),
    change("notes that grow beyond 20,000", "20000", append_notes=LONG * 19_999),
    change("tags that grow beyond 50", "at most 50", add_tags=[f"t{number}" for number in range(50)]),
    change("a due given and moved", "exclude", due="2026-12-01", shift="1d"),
    change("notes given and appended", "exclude", notes="a", append_notes="b"),
    change("an endless shift", "at most 3660 days", "invalid_time", shift="9999999d"),
    change("a shift that is none", "not a duration", "invalid_time", shift="later"),
    change("a stale version", "version 2, not 1", "version_conflict", expected_version=1, title="New"),
    change("a version from the future", "version 2, not 99", "version_conflict", expected_version=99, title="New"),
    Bad(
        "a stale version of a task to delete",
        "delete_task",
        {"task_id": "{task}", "expected_version": 1},
        "version_conflict",
        "version 2, not 1",
    ),
    *(
        Bad(f"{what} for {tool}", tool, {"task_id": task_id}, "task_not_found", "no task with this id")
        for tool in ("get_task", "complete_task", "reopen_task", "delete_task", "update_task")
        for what, task_id in (
            ("an unknown id", "01930000-0000-7000-8000-ffffffffffff"),
            ("another's id", "{foreign}"),
            ("an id of no form", "nothing"),
            ("an id that is SQL", "' OR 1=1 --"),
        )
    ),
    Bad("an unknown reminder", "cancel_reminder", {"reminder_id": "nothing"}, "task_not_found", "no reminder"),
    Bad("a snooze of no length", "snooze_reminder", {"reminder_id": "{reminder}"}, says="exactly one of until"),
    Bad(
        "a snooze into the past",
        "snooze_reminder",
        {"reminder_id": "{reminder}", "until": "2026-11-22"},
        "reminder_in_past",
        "has passed",
    ),
    Bad(
        "a snooze of nothing",
        "snooze_reminder",
        {"reminder_id": "{reminder}", "duration": "0m"},
        "reminder_in_past",
        "has passed",
    ),
    remind("a reminder in the past", "has passed", "reminder_in_past", at="2026-11-23T09:59"),
    remind("a reminder of now", "has passed", "reminder_in_past", at="2026-11-23T10:00"),
    remind("a reminder before a due that is near", "has passed", "reminder_in_past", before="2w"),
    Bad("before without a due", "set_reminder", {"task_id": "{undated}", "before": "1h"}, says="has no due"),
    remind("both at and before", "exactly one of at and before", at="2026-11-27", before="1h"),
    remind("neither at nor before", "exactly one of at and before"),
    remind("a negative before", "not a duration", "invalid_time", before="-1h"),
    remind("an impossible at", "not a date", "invalid_time", at="2026-02-30"),
    create("a reminder without a due in a create", "has no due", reminders=["30m"]),
    create("a past reminder in a create", "has passed", "reminder_in_past", reminders=["2026-11-01"]),
    create("an unknown field of a reminder", "is not an argument", due="2026-11-27", reminders=[{"when": "1h"}]),
    create(
        "a reminder of two kinds", "at and before", due="2026-11-27", reminders=[{"at": "2026-11-26", "before": "1h"}]
    ),
    create("a reminder of no kind", "at and before", due="2026-11-27", reminders=[{}]),
    find("limit 0", "greater than or equal to 1", limit=0),
    find("limit 51", "less than or equal to 50", limit=51),
    find("a limit that is a fraction", "whole number", limit="1.5"),
    find("a limit beyond 64 bits", "64 bits", limit=str(10**30)),
    find("a cursor of no form", "cursor does not belong", cursor="!!!"),
    find("a cursor that is no list", "cursor does not belong", cursor="e30"),
    find(
        "a cursor with a number beyond 64 bits",
        "cursor does not belong",
        cursor="WyJkdWUiLDAsWyJ4Iiw5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTldXQ",
    ),
    find("a cursor with a number for a day", "cursor does not belong", cursor="WyJkdWUiLDAsWzUsIngiXV0"),
    find(
        "a cursor with a word for a number",
        "cursor does not belong",
        cursor="WyJwcmlvcml0eSIsMCxbImhpZ2giLCJ4Il1d",
        sort="priority",
    ),
    find("a cursor of another sort", "cursor does not belong", cursor="{cursor}", sort="created"),
    find("an endless cursor", "at most 1000", cursor=LONG * 1001),
    find("a search for nothing", "no letter or digit", text="?!"),
    find("an unknown sort", "must be one of", sort="colour"),
    find("an unknown filter", 'did you mean "status"', state="open", stat="open"),
    find("an impossible window", "not a date", "invalid_time", due_until="2026-02-30"),
)


@dataclass(frozen=True)
class Seed:
    """The ids that the bad calls refer to."""

    names: dict[str, str]

    def fill(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {
            name: self.names.get(value, value) if isinstance(value, str) else value for name, value in arguments.items()
        }


async def plant(world: World) -> Seed:
    made = (
        await world.rest.post(
            "/tasks", json={"title": "Seeded", "due": "2026-11-27", "tags": ["s"], "notes": "ab", "reminders": ["1h"]}
        )
    ).json()["task"]
    await world.rest.patch(f"/tasks/{made['id']}", json={"title": "Seeded again"})
    undated = (await world.rest.post("/tasks", json={"title": "Undated"}, headers={"Idempotency-Key": "seed"})).json()[
        "task"
    ]
    cursor = (await world.rest.get("/tasks", params={"limit": 1, "sort": "title"})).json()["next_cursor"]
    return Seed(
        {
            "{task}": made["id"],
            "{reminder}": made["reminders"][0]["id"],
            "{undated}": undated["id"],
            "{foreign}": await make_foreign_task(world),
            "{cursor}": cursor,
        }
    )


@pytest.fixture(scope="module")
async def seed(shared: World) -> Seed:
    return await plant(shared)


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.name)
async def test_a_bad_call_is_refused_alike_everywhere_and_stores_nothing(
    shared: World, seed: Seed, surface: Surface, bad: Bad
) -> None:
    stored = await count_stored(shared)

    reply = await call(shared, surface, bad.tool, seed.fill(bad.arguments))

    assert reply.code == bad.code or reply.code in bad.protocol, reply.text
    if reply.code == bad.code:
        assert bad.says in reply.sentence
    if surface == "rest":
        assert reply.status == STATUS.get(reply.code, 422)
    assert_says_little_and_clearly(reply)
    assert await count_stored(shared) == stored
    good = await call(shared, surface, "create_task", {"title": "Good"})
    assert good.answer["task"]["title"] == "Good"
    assert (await count_stored(shared))["outbox_entry"] == stored["outbox_entry"] + 1
