"""The doctor: what can be checked about this installation, one line each, with what to do."""

import importlib.metadata
import sqlite3
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from app.health import check_readiness
from app.main import open_service
from app.migrations import HEAD
from app.settings import Settings
from todo.errors import TodoError


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: what was checked, whether it is well, and what was seen or what to do."""

    check: str
    ok: bool
    detail: str


async def examine(settings: Settings) -> list[dict[str, Any]]:
    """Return `[{check, ok, detail}]`; never raises for what it finds."""
    checks = [
        Check("sqlite", sqlite3.sqlite_version_info >= (3, 35), f"version {sqlite3.sqlite_version}"),
        _check_zones(),
    ]
    try:
        async with open_service(settings) as service:
            checks.append(Check("database", True, f"{settings.database_place}, schema {HEAD}"))
            _, body = await check_readiness(service)
            waiting = [reason for reason in body.get("degraded", []) if "nobody" not in reason]
            checks.append(Check("events", not waiting, "; ".join(waiting) or f"{body['backlog']} waiting, none parked"))
            held = await service.database.read(service.background.lease.is_held)
            detail = "done by a running process" if held else "nobody: start `serve`, or reminders will not fire"
            checks.append(Check("background", held, detail))
    except TodoError as error:
        checks.append(Check("database", False, error.text))
    return [asdict(check) for check in checks]


def _check_zones() -> Check:
    from todo.when import prefer_shipped_zones, read_zone

    prefer_shipped_zones()
    release = importlib.metadata.version("tzdata")
    # A rule that changed late: Morocco stays on UTC+0 in winter from 2026-09-20 on, by release 2026.4 and later.
    offset = datetime(2026, 12, 1, 12, tzinfo=UTC).astimezone(read_zone("Africa/Casablanca")).utcoffset()
    return Check("zones", offset is not None, f"tzdata {release}, shipped with the program")
