"""Quiet hours: from one local time to another, also over midnight."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from todo.text.when import resolve_local


def find_quiet_end(now: datetime, quiet_from: str | None, quiet_until: str | None, zone: ZoneInfo) -> datetime | None:
    """Return when the quiet hours end in which an instant lies; None outside of them, or without any.

    Both are local `HH:MM`, read as every local time is: later by the gap where the clock jumps over it, the first where
    it comes twice.
    """
    if quiet_from is None or quiet_until is None or quiet_from == quiet_until:
        return None
    today = now.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        begin = _place(day, quiet_from, zone)
        end = _place(day + timedelta(days=1) if quiet_until < quiet_from else day, quiet_until, zone)
        if begin <= now < end:
            return end
    return None


def _place(day: date, time: str, zone: ZoneInfo) -> datetime:
    return resolve_local(datetime.fromisoformat(f"{day}T{time}"), zone)
