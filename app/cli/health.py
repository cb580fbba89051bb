"""`health`: asks the process that runs here whether it is ready, for the health checks of containers."""

import urllib.error
import urllib.request

from pydantic_core import from_json

from app.settings import Settings

PATIENCE_SECONDS = 4.0


def ask_health(settings: Settings) -> tuple[bool, str]:
    """Return whether the process on `TODO_PORT` is ready, and a sentence."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "") else "[::1]" if settings.host == "::" else settings.host  # noqa: S104  # it may listen there
    address = f"http://{host}:{settings.port}/readyz"
    request = urllib.request.Request(address, headers={"Host": "localhost"})  # our own process
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=PATIENCE_SECONDS) as answer:
            body = from_json(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return False, f"not ready: {_read_reasons(error.read()) or error.code}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return (
            False,
            f"nothing answers at {address} ({reason}): is `serve` or `worker` running, and is TODO_PORT its port?",
        )
    return True, "; ".join(["ready", *body.get("degraded", [])])


def _read_reasons(body: bytes) -> str:
    try:
        return "; ".join(from_json(body)["reasons"])
    except (ValueError, TypeError, KeyError):
        return ""
