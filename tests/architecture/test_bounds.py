"""What serves callers reaches the database through the store, where a token for lists meets its wall."""

import re

from tests.architecture.ours import ROOT, list_sources

ASIDE = {
    "app/http/forms/action.py": "finds whose link it is, by the link itself",
    "app/http/forms/consent.py": "connections, which a token for lists does not reach",
    "app/http/health.py": "numbers of the whole service",
    "app/http/rest/calendars.py": "finds whose feed it is, by its secret",
    "app/http/rest/channels.py": "channels, which a token for lists does not reach",
    "app/http/rest/connections.py": "connections, which a token for lists does not reach",
    "app/http/rest/session.py": "sessions, before anybody is known",
}
"""The modules of the surfaces that may go to the database itself, with the reason."""
_CALL = re.compile(r"\bdatabase\.(?:read|write)(?:_apart)?\(")
_INNER = re.compile(r"\bBoundConnection\b|\._whole\b")


def test_surfaces_reach_rows_through_the_store() -> None:
    rooms = ("app/http/", "tools/", "agent/", "todo/")
    found = {
        name for name in list_sources() if name.startswith(rooms) and _CALL.search((ROOT / name).read_text("utf-8"))
    }
    assert found == ASIDE.keys(), "go through the store, or give the reason here"


def test_only_the_work_opens_the_wall() -> None:
    found = {name for name in list_sources() if _INNER.search((ROOT / name).read_text("utf-8"))}
    assert found == {"todo/record/bounds.py", "todo/record/work.py"}
