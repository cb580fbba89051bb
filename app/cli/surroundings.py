"""The doctor's checks of what surrounds the service: the disk under its file, and the certificate before it."""

import shutil
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from app.settings import Settings
from events.ports import Clock

Finding = tuple[str, bool, str]

LEAST_FREE = 200 * 1024 * 1024
"""Bytes that a disk has to have free: the copy before an upgrade, and the log of changes not yet in the file."""
SOON_DAYS = 14
_PATIENCE_SECONDS = 5.0


def check_disk(settings: Settings, measure: Callable[[Path], int] | None = None) -> Finding:
    """Say whether the disk has room for the database file and for its copy before an upgrade."""
    file = settings.database_path
    size = file.stat().st_size if file.exists() else 0
    free = (measure or _measure_free)(file.parent)
    wanted = LEAST_FREE + size
    said = f"{free / 1e6:,.0f} MB free, the file has {size / 1e6:,.1f} MB"
    if free >= wanted:
        return "disk", True, said
    return "disk", False, f"{said}: free {wanted / 1e6:,.0f} MB at least, or calls will be refused"


def check_certificate(settings: Settings, clock: Clock, trust: ssl.SSLContext | None = None) -> Finding:
    """Say how long the certificate before `TODO_PUBLIC_URL` lasts, as a browser meets it."""
    parts = urlsplit(settings.url)
    host, port = parts.hostname or "", parts.port or 443
    try:
        with (
            socket.create_connection((host, port), _PATIENCE_SECONDS) as plain,
            (trust or ssl.create_default_context()).wrap_socket(plain, server_hostname=host) as encrypted,
        ):
            described = encrypted.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return "certificate", False, f"{host} shows one that browsers refuse: {error.verify_message}. Renew it"
    except OSError as error:
        return "certificate", False, f"{host}:{port} is not reached from here: {error}. Does the proxy run?"
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(described["notAfter"])), UTC)
    days = (end - clock.now()).days
    said = f"that of {host} ends on {end:%Y-%m-%d}, in {days} days"
    return "certificate", days >= SOON_DAYS, said if days >= SOON_DAYS else f"{said}: renew it"


def _measure_free(folder: Path) -> int:
    return shutil.disk_usage(folder).free
