"""Liveness and readiness of this process, for HTTP and for the doctor."""

from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from fastapi.responses import Response
from pydantic_core import to_json

from app.migrations import HEAD
from app.service import Service
from events.dead_letters import count_unreadable
from events.embedded import count_deliveries
from events.instants import read_instant
from events.outbox import count_backlog, find_oldest_waiting
from events.redelivery import describe_silence
from todo.errors import StorageUnavailable

SLOW = timedelta(minutes=1)
"""Age at which every process reports a waiting event; only the publishing process knows the reason."""


def add_health_routes(app: FastAPI, service: Service) -> None:
    """Answer `/healthz` while the process lives, and `/readyz` with its readiness."""

    @app.get("/healthz", tags=["health"])
    async def healthz() -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    @app.get("/readyz", tags=["health"])
    async def readyz() -> Response:
        ready, body = await check_readiness(service)
        return Response(to_json(body), 200 if ready else 503, media_type="application/json")


async def check_readiness(service: Service, *, with_broker: bool = True) -> tuple[bool, dict[str, Any]]:
    """Return whether the process is ready, and the body of `/readyz` with the reasons under `degraded` or `reasons`.

    It needs the database at its schema, and as `worker` also the broker, which `with_broker=False` leaves out. A silent
    topic does not make it unready: callers miss nothing, and a restart of this process would not repair its sidecar.
    """
    redelivery = service.background.redelivery
    try:
        (pending, parked), oldest, (open_, dead), unreadable, held, silent = await service.database.read(
            lambda connection: (
                count_backlog(connection),
                find_oldest_waiting(connection) if service.sidecar is not None else None,
                count_deliveries(connection),
                count_unreadable(connection),
                service.background.lease.is_held(connection),
                redelivery.find_silent_on(connection) if redelivery is not None and with_broker else {},
            )
        )
    except StorageUnavailable as error:
        return False, {"status": "unavailable", "reasons": [error.text]}
    fault = service.store.faults.describe(service.store.clock.now())
    reasons = [fault] * bool(fault)
    if parked:
        reasons.append(f"{parked} events were refused permanently and wait: evolution-todo events replay --parked")
    if oldest and service.store.clock.now() - read_instant(oldest) > SLOW:
        reasons.append(f"events wait since {oldest}: the log of `serve` or `worker` says why; are daprd and Kafka up?")
    if dead:
        reasons.append(f"{dead} reactions failed permanently and wait: POST /api/dead-letters/replay")
    if unreadable:
        reasons.append(f"{unreadable} dead letters could not be read: GET /api/dead-letters")
    if not held:
        reasons.append("no process does the background work yet")
    if silent:
        reasons.append(describe_silence(silent))
    broker = await _examine_broker(service) if with_broker else []
    reasons += broker
    if broker and service.settings.role == "worker":
        return False, {"status": "unavailable", "reasons": broker}
    body: dict[str, Any] = {"status": "degraded" if reasons else "ready", "schema": HEAD, "backlog": pending + open_}
    if reasons:
        body["degraded"] = reasons
    return True, body


async def _examine_broker(service: Service) -> list[str]:
    if service.sidecar is None:
        return []
    missing = await service.sidecar.examine()
    if service.relay.trouble:
        missing.append(f"events wait: {service.relay.trouble}")
    return missing
