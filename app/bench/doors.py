"""The cost of the doors: checking who calls, and the same calls with and without walls, scopes and rates."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

from starlette.types import ASGIApp

from app.access.credentials import create_credential
from app.access.door import Door
from app.access.grants import read_token
from app.access.issuer import Issuer
from app.access.people import add_person
from app.bench.rows import Row, compare, hold
from app.http.app import build_app
from app.service import Service, open_service
from app.settings import load_settings
from app.system import SystemClock, SystemIds, draw_secret

ISSUER, RESOURCE = "https://id.example", "https://todo.example/mcp"
MOST = 1_000_000
"""A rate that is never reached: its counting is what costs."""

Call = Callable[[], Awaitable[None]]


async def measure_doors(folder: Path, rounds: int, calls: int) -> list[Row]:
    """Measure the check of a token, and a create and a search over REST in both modes, turn by turn, without a network.

    The figures of calls are processor time, which a busy disk does not change.
    """
    async with AsyncExitStack() as stack:
        local, _ = await _open(stack, folder / "alone", "local")
        doors, secret = await _open(stack, folder / "people", "token")
        assert doors[0].door is not None  # noqa: S101  # it serves several people
        rows = [
            hold("token check, seen lately", await _time_check(doors[0].door, secret, calls), "us", at_most=30),
            hold("JWT check, not seen yet", await _time_jwt(max(calls // 10, 5)), "us", at_most=400),
        ]
        bearer = [(b"authorization", f"Bearer {secret}".encode())]
        for name, method, path, body in (
            ("REST create_task", "POST", "/api/tasks", {"title": "Call the dentist"}),
            ("REST find_tasks", "GET", "/api/tasks", None),
        ):
            plain = make_call(local[1], method, path, body, [])
            walled = make_call(doors[1], method, path, body, bearer)
            alone, several = await _alternate(plain, walled, rounds, calls)
            base = (f"{name}, local: CPU", alone)
            rows += [
                Row(base[0], alone, "us/call"),
                compare(f"{name}, token: CPU", several, "us/call", base, at_most=1.1),
            ]
        return rows


async def _open(stack: AsyncExitStack, folder: Path, auth: str) -> tuple[tuple[Service, ASGIApp], str]:
    """Open a service with one person, with a token where it wants one."""
    rates = {"rate_writes": MOST, "rate_reads": MOST}
    settings = load_settings(data_dir=folder, database_url="sqlite:///todo.db", auth=auth, **rates)
    service = await stack.enter_async_context(open_service(settings))
    app = build_app(service, background=False)
    await stack.enter_async_context(app.router.lifespan_context(app))
    if service.door is None:
        return (service, app), ""
    clock, ids = SystemClock(), SystemIds()

    def join(connection: Any) -> str:
        now = clock.now()
        user_id = add_person(connection, "Ann", "UTC", ids, now)
        grant = read_token({}).grant_to(user_id, connection, now)
        return create_credential(connection, grant, now, ids, draw_secret).secret

    return (service, app), await service.database.write(join)


async def _time_check(door: Door, secret: str, calls: int) -> float:
    await door.admit(secret)
    times = []
    for _ in range(calls):
        begun = perf_counter()
        await door.admit(secret)
        times.append(perf_counter() - begun)
    return median(times) * 1e6


async def _time_jwt(calls: int) -> float:
    """Return the microseconds of checking an access token that is signed as most issuers do (RS256)."""
    import jwt
    from cryptography.hazmat.primitives.asymmetric import rsa

    key, clock = rsa.generate_private_key(65_537, 2_048), SystemClock()
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)

    async def fetch(address: str) -> Any:
        if address.endswith("configuration"):
            return {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
        return {"keys": [{**public, "kid": "one"}]}

    issuer = Issuer(ISSUER, RESOURCE, fetch, clock)
    claims = {"iss": ISSUER, "aud": RESOURCE, "sub": "ann", "exp": clock.now() + timedelta(hours=1)}
    token = jwt.encode({**claims, "scope": "tasks:read"}, key, "RS256", {"typ": "at+jwt", "kid": "one"})
    times = []
    for _ in range(calls):
        begun = perf_counter()
        assert await issuer.verify(token) is not None  # noqa: S101  # else the figure would be that of a refusal
        times.append(perf_counter() - begun)
    return median(times) * 1e6


def make_call(app: ASGIApp, method: str, path: str, body: Any, headers: list[tuple[bytes, bytes]]) -> Call:
    """Return a call of the application without any network; `path` may end in a query."""
    path, _, query = path.partition("?")
    content = b"" if body is None else json.dumps(body).encode()
    given = [(b"host", b"127.0.0.1:8000"), (b"content-type", b"application/json"), *headers]
    if content:
        given.append((b"content-length", str(len(content)).encode()))

    async def call() -> None:
        statuses: list[int] = []
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": list(given),
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8_000),
            "state": {},
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await app(scope, receive, send)
        assert statuses and statuses[0] < 300, statuses  # noqa: S101, PT018  # refusals are quick and count for nothing

    return call


async def _alternate(one: Call, other: Call, rounds: int, calls: int) -> tuple[float, float]:
    """Return the processor time of two calls in microseconds, measured in turns so that both meet the same machine."""
    figures: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for call, figure in zip((one, other), figures, strict=True):
            begun = process_time()
            for _ in range(calls):
                await call()
            figure.append((process_time() - begun) / calls * 1e6)
    return median(figures[0]), median(figures[1])
