"""Five years of series in five zones, over all clock changes: each date comes once, at its wall time."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.identity import LOCAL_PERSON, SCHEDULER
from app.service import Service, open_service
from tests.clock import CountedIds, MovableClock
from tests.long import also_long
from tests.world import make_settings
from todo.record.work import Work
from todo.requests import schemas
from todo.requests.parts import ReminderSpec
from todo.scheduler import step
from todo.series import create as recurring
from todo.tasks import tasks

PROMISES = ("wall-time",)

pytestmark = pytest.mark.anyio

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu")
SEVERAL = also_long((ZONES[0], ZONES[2]), (ZONES[1], *ZONES[3:]), "three more zones")
START, YEARS = date(2027, 1, 1), 5
END = date(START.year + YEARS, 1, 1)
HALF_PAST_TWO = time(2, 30)
DAYS = [START + timedelta(number) for number in range((END - START).days)]


def is_last_of_month(day: date) -> bool:
    return (day + timedelta(1)).day == 1


RULES = {
    "FREQ=DAILY": DAYS,
    "FREQ=WEEKLY;BYDAY=SU": [day for day in DAYS if day.weekday() == 6],
    "FREQ=MONTHLY;BYMONTHDAY=-1": [day for day in DAYS if is_last_of_month(day)],
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29": [day for day in DAYS if (day.month, day.day) == (2, 29)],
}


def reminders_of(rule: str, zone: str) -> list[str]:
    """Daily series have reminders in one zone only, to save seconds."""
    if rule == "FREQ=DAILY":
        return ["30m"] if zone == ZONES[0] else []
    return ["1d", "30m"]


def subtasks_of(rule: str, zone: str) -> list[str]:
    """One series of one zone has subtasks, to save seconds."""
    return ["Bins", "Plants"] if (rule, zone) == ("FREQ=WEEKLY;BYDAY=SU", ZONES[0]) else []


def resolve(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant of 02:30 on a day by the offsets around it: after a gap, the first in an overlap."""
    wall = datetime.combine(day, HALF_PAST_TWO)
    before = (wall.replace(tzinfo=UTC) - timedelta(days=1)).astimezone(zone).utcoffset() or timedelta()
    after = (wall.replace(tzinfo=UTC) + timedelta(days=1)).astimezone(zone).utcoffset() or timedelta()
    tries = sorted((wall - offset).replace(tzinfo=UTC) for offset in (before, after))
    fits = [at for at in tries if at.astimezone(zone).replace(tzinfo=None) == wall]
    return fits[0] if fits else (wall - before).replace(tzinfo=UTC)


def write(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


async def create(service: Service, rule: str, zone: str, mode: str, reminders: list[str], subtasks: list[str]) -> str:
    request = schemas.CreateRecurringTask(
        title=rule,
        rule=rule,
        first_due=f"{START}T02:30",
        zone=zone,
        mode=mode,  # type: ignore[arg-type]  # one of the three
        catch_up="all" if mode == "every_occurrence" else None,
        reminders=[ReminderSpec(before=each) for each in reminders],
        subtasks=subtasks,
    )
    answer = await service.store.write(LOCAL_PERSON, lambda work: recurring.create_recurring_task(work, request))
    return str(answer["recurring_id"])


def live_through(start: datetime, end: datetime) -> Callable[[Work], None]:
    """Tick every 20 hours in one transaction, like a process that is never down for longer."""

    def live(work: Work) -> None:
        at = start
        while at < end:
            at += timedelta(hours=20)
            now = Work(work.connection, work.who, at, work.ids, work.people)
            while step(now):
                pass

    return live


async def query(service: Service, statement: str) -> list[tuple[str, ...]]:
    return await service.database.read(lambda connection: [tuple(row) for row in connection.exec_driver_sql(statement)])


@pytest.mark.parametrize("zone", SEVERAL)
async def test_every_date_comes_once_at_its_time_and_rings_once(tmp_path: Path, zone: str) -> None:
    clock, there = MovableClock(datetime(2026, 12, 28, tzinfo=UTC)), ZoneInfo(zone)
    async with open_service(make_settings(tmp_path, zone=zone), clock, CountedIds()) as service:
        series = {
            await create(
                service, rule, zone, "every_occurrence", reminders_of(rule, zone), subtasks_of(rule, zone)
            ): rule
            for rule in RULES
        }
        await service.store.write(SCHEDULER, live_through(clock.at, resolve(END, there)))
        occurrences: dict[str, list[str]] = {rule: [] for rule in RULES}
        for owner, occurrence, due in await query(
            service, "SELECT recurring_id, occurrence, due FROM task WHERE recurring_id > '' ORDER BY occurrence"
        ):
            assert due == occurrence
            occurrences[series[owner]].append(due)
        for rule, days in RULES.items():
            wanted = [write(resolve(day, there)) for day in days]
            assert occurrences[rule][: len(wanted)] == wanted, rule
            assert all(due >= write(resolve(END, there)) for due in occurrences[rule][len(wanted) :])
        await check_subtasks(service, {rule: subtasks_of(rule, zone) for rule in RULES})
        rung = await query(
            service,
            "SELECT t.title, t.due, r.before, r.remind_at FROM reminder r JOIN task t ON t.id = r.task_id "
            "WHERE r.status = 'fired' ORDER BY t.due",
        )
        rung = [each for each in rung if each[1] < write(resolve(END, there))]
        fired = await query(service, "SELECT count(*) FROM outbox_entry WHERE event_type = 'reminder.due'")
        assert len(rung) <= int(fired[0][0]) <= len(rung) + 2 * len(RULES), (
            "each rings once; a few lie ahead of the end"
        )
        for title, due, before, remind_at in rung:
            at = datetime.fromisoformat(due)
            # A day earlier has the same wall time, even if a gap has moved it.
            day_before = at.astimezone(there) - timedelta(days=1)
            right = at - timedelta(minutes=30) if before == "30m" else day_before.astimezone(UTC)
            assert remind_at[:19] == write(right)[:19], (title, due, before)
        assert len(rung) == sum(len(days) * len(reminders_of(rule, zone)) for rule, days in RULES.items())


async def check_subtasks(service: Service, wanted: dict[str, list[str]]) -> None:
    """Every occurrence has the subtasks of its series, open, and one event for each."""
    below: dict[tuple[str, str], list[str]] = {}
    for rule, occurrence, title, status in await query(
        service,
        "SELECT t.title, t.occurrence, b.title, b.status FROM task t LEFT JOIN task b ON b.parent_id = t.id "
        "WHERE t.recurring_id > '' ORDER BY b.number",
    ):
        found = below.setdefault((rule, occurrence), [])
        found += [title] if title is not None else []
        assert status in (None, "open")
    assert all(titles == wanted[rule] for (rule, _), titles in below.items())
    made = sum(map(len, below.values()))
    recorded = await query(
        service,
        "SELECT count(*), count(DISTINCT o.task_id) FROM outbox_entry o JOIN task t ON t.id = o.task_id "
        "WHERE t.parent_id > ''",
    )
    assert [tuple(map(int, row)) for row in recorded] == [(made, made)]


@pytest.mark.parametrize("zone", SEVERAL)
async def test_one_at_a_time_done_late_never_comes_twice(tmp_path: Path, zone: str) -> None:
    clock, there = MovableClock(datetime(2026, 12, 28, tzinfo=UTC)), ZoneInfo(zone)
    async with open_service(make_settings(tmp_path, zone=zone), clock, CountedIds()) as service:
        await create(service, "FREQ=DAILY", zone, "one_at_a_time", [], ["Brush"] if zone == ZONES[-1] else [])
        seen, wanted = await service.store.write(LOCAL_PERSON, do_late(there))
        assert seen == wanted
        assert len({datetime.fromisoformat(due).astimezone(there).date() for due in seen}) == len(seen)
        below = await query(service, "SELECT status, count(*) FROM task WHERE parent_id > '' GROUP BY status")
        counts = {status: int(count) for status, count in below}
        assert counts == ({"completed": len(seen) - 1, "open": 1} if zone == ZONES[-1] else {})


def do_late(there: ZoneInfo) -> Callable[[Work], tuple[list[str], list[str]]]:
    """Complete each open instance seconds or days after its due; return the actual and the expected dues."""

    def do(work: Work) -> tuple[list[str], list[str]]:
        seen: list[str] = []
        wanted = [write(resolve(START, there))]
        while True:
            found = "SELECT id, due FROM task WHERE recurring_id > '' AND status = 'open'"
            [(task_id, due)] = work.connection.exec_driver_sql(found).all()
            seen.append(due)
            late = timedelta(days=len(seen) % 5) if len(seen) % 3 == 0 else timedelta(seconds=30)
            at = datetime.fromisoformat(due) + late
            day = at.astimezone(there).date()
            if day >= END:
                return seen, wanted
            now = Work(work.connection, work.who, at, work.ids, work.people)
            tasks.complete_task(now, schemas.CompleteTask(task_id=task_id))
            ahead = [resolve(day + timedelta(number), there) for number in range(-1, 3)]
            wanted.append(write(next(each for each in ahead if each > at)))

    return do
