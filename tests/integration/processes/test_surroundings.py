"""The doctor looks at the disk under the file, and at the certificate before the public address."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from app.cli.doctor import examine
from app.cli.surroundings import LEAST_FREE, check_certificate, check_disk
from app.settings import Settings
from app.system import SystemClock
from infra.live.ports import find_free_port
from tests.certificates import make_certificate
from tests.clock import MovableClock
from tests.world import make_settings

HOST = "localhost"


@contextmanager
def serving(certificate: Path) -> Iterator[int]:
    """Shake hands with every caller by TLS; yields the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ending = threading.Event()

        def accept() -> None:
            while not ending.is_set():
                caller, _ = listener.accept()
                with caller, suppress(OSError, ssl.SSLError):
                    context.wrap_socket(caller, server_side=True).close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield port
        finally:
            ending.set()
            socket.create_connection(("127.0.0.1", port)).close()
            thread.join(10)


def public(folder: Path, port: int) -> Settings:
    return make_settings(folder, auth="token", public_url=f"https://{HOST}:{port}")


@pytest.mark.parametrize(("left", "well"), [(60, True), (14, True), (13, False), (0, False)])
def test_a_certificate_that_ends_soon_is_named(tmp_path: Path, left: int, well: bool) -> None:
    now = SystemClock().now()  # the handshake itself goes by the machine's clock
    certificate = make_certificate(tmp_path, HOST, now - timedelta(days=1), 100)
    trust = ssl.create_default_context(cafile=str(certificate))
    clock = MovableClock(now + timedelta(days=99 - left, seconds=-60))
    with serving(certificate) as port:
        name, ok, detail = check_certificate(public(tmp_path, port), clock, trust)
    assert (name, ok) == ("certificate", well)
    assert f"in {left} days" in detail
    assert ("renew it" in detail) is not well


def test_a_certificate_that_browsers_refuse_is_named(tmp_path: Path) -> None:
    now = SystemClock().now()
    with serving(make_certificate(tmp_path, HOST, now, 100)) as port:
        _, ok, detail = check_certificate(public(tmp_path, port), MovableClock(now))
    assert not ok
    assert "browsers refuse" in detail


def test_an_address_that_is_not_reached_is_named(tmp_path: Path) -> None:
    now = SystemClock().now()
    _, ok, detail = check_certificate(public(tmp_path, find_free_port()), MovableClock(now))
    assert not ok
    assert "Does the proxy run?" in detail


@pytest.mark.parametrize(("free", "well"), [(LEAST_FREE + 1_000, True), (LEAST_FREE + 999, False), (0, False)])
def test_a_disk_needs_room_for_the_file_and_its_copy(tmp_path: Path, free: int, well: bool) -> None:
    settings = make_settings(tmp_path, database_url="sqlite:///some.db")
    settings.database_path.write_bytes(b"x" * 1_000)
    name, ok, detail = check_disk(settings, lambda _: free)
    assert (name, ok) == ("disk", well)
    assert ("calls will be refused" in detail) is not well


@pytest.mark.anyio
@pytest.mark.database("sqlite")
async def test_the_doctor_asks_for_both_where_they_are(tmp_path: Path) -> None:
    with serving(make_certificate(tmp_path, HOST, SystemClock().now(), 100)) as port:
        checks = {each["check"] for each in await examine(public(tmp_path, port))}
    assert {"disk", "certificate"} <= checks
    alone = {each["check"] for each in await examine(make_settings(tmp_path))}
    assert "disk" in alone
    assert "certificate" not in alone
