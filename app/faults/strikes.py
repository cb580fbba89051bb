"""What is done to the chain and to the product, each with the way back."""

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from app.faults.arena import Arena, Replica
from infra.live.guard import send
from infra.live.programs import wait_until

Heal = Callable[[], None]
_END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table: `strike` does it and returns how it is healed; held for `shortest` to `longest` seconds.

    `serves` says whether writes must go on being acknowledged meanwhile.
    """

    name: str
    strike: Callable[[Arena], Heal]
    shortest: float = 1.0
    longest: float = 4.0
    serves: bool = True


def _nothing() -> None:
    """Heal what heals by itself."""


def _start_all(replicas: list[Replica]) -> None:
    for replica in replicas:
        replica.daprd.begin()
    for replica in replicas:
        replica.daprd.wait_ready()


def kill_sidecars(arena: Arena) -> Heal:
    """SIGKILL every daprd: deliveries that are under way come again."""
    for replica in arena.replicas:
        replica.daprd.kill()
    return lambda: _start_all(arena.replicas)


def stop_sidecars(arena: Arena) -> Heal:
    """SIGTERM every daprd."""
    for replica in arena.replicas:
        replica.daprd.stop()
    return lambda: _start_all(arena.replicas)


def pause_sidecars(arena: Arena) -> Heal:
    """SIGSTOP every daprd: it takes connections and does not answer."""
    for replica in arena.replicas:
        replica.daprd.pause()

    def heal() -> None:
        for replica in arena.replicas:
            replica.daprd.resume()

    return heal


def crash_sidecar(arena: Arena) -> Heal:
    """SIGKILL the daprd through which events are published; its guard starts it again."""
    arena.find_leader().daprd.crash()
    return _nothing


def kill_kafka(arena: Arena) -> Heal:
    """SIGKILL the broker."""
    arena.kafka.kill()
    return arena.kafka.start


def stop_kafka(arena: Arena) -> Heal:
    """SIGTERM the broker."""
    arena.kafka.stop()
    return arena.kafka.start


def hang_kafka(arena: Arena) -> Heal:
    """SIGSTOP the broker: it takes connections and does not answer."""
    arena.kafka.pause()
    return arena.kafka.resume


def start_sidecars_before_kafka(arena: Arena) -> Heal:
    """Start every daprd anew while there is no broker: it gives up, and is started again until there is one."""
    arena.kafka.kill()
    for replica in arena.replicas:
        replica.daprd.kill()
    seen = [replica.daprd.program.exits for replica in arena.replicas]
    for replica in arena.replicas:
        replica.daprd.begin()

    def heal() -> None:
        for replica, exits in zip(arena.replicas, seen, strict=True):
            wait_until(
                lambda replica=replica, exits=exits: replica.daprd.program.exits > exits,  # type: ignore[misc]
                _END_SECONDS,
                "daprd gives up without Kafka",
            )
        arena.kafka.start()
        for replica in arena.replicas:
            replica.daprd.wait_ready()

    return heal


def crash_leader(arena: Arena) -> Heal:
    """SIGKILL the process that publishes; its guard starts it again."""
    arena.find_leader().program.crash()
    return _nothing


def crash_all(arena: Arena) -> Heal:
    """SIGKILL every process of the product: none is left to publish what was just committed."""
    for replica in arena.replicas:
        replica.program.crash()
    return _nothing


def pause_leader(arena: Arena) -> Heal:
    """SIGSTOP the process that publishes, beyond its lease: another takes over, then two believe that they lead."""
    leader = arena.find_leader()
    leader.program.pause()
    return leader.program.resume


def restart_postgres(arena: Arena) -> Heal:
    """End the server as `pg_ctl -m immediate` does: no connection is told, the start recovers from the log."""
    program = arena.postgres.program
    assert program.pid is not None  # noqa: S101  # it runs
    send(program.pid, signal.SIGQUIT)
    program.wait(_END_SECONDS)
    return arena.postgres.start


def hang_postgres(arena: Arena) -> Heal:
    """SIGSTOP the server and all its processes."""
    arena.postgres.pause()
    return arena.postgres.resume


def cut_connections(arena: Arena) -> Heal:
    """Terminate the server's side of every connection of the product, that of the lease's holder among them."""
    with suppress(OSError, asyncpg.PostgresError):
        arena.ledger.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'evolution-todo'"
        )
    return _nothing


def restart_in_turn(arena: Arena) -> Heal:
    """Deploy anew: each process is stopped in order and started again, one after the other, its sidecar with it."""
    for replica in arena.replicas:
        replica.program.stop()
        replica.daprd.stop()
        replica.begin()
        replica.wait_ready()
    return _nothing


FAULTS = (
    Fault("daprd killed", kill_sidecars),
    Fault("daprd stopped", stop_sidecars),
    Fault("daprd hangs", pause_sidecars, 2, 14),
    Fault("daprd crashes while it delivers", crash_sidecar, 0.2, 1),
    Fault("Kafka killed", kill_kafka, 1, 6),
    Fault("Kafka stopped", stop_kafka, 1, 6),
    Fault("Kafka hangs", hang_kafka, 2, 14),
    Fault("daprd started before Kafka", start_sidecars_before_kafka, 0.5, 2),
    Fault("app killed", crash_leader, 0.2, 2, serves=False),
    Fault("all apps killed", crash_all, 0.2, 2, serves=False),
    Fault("leader hangs beyond its lease", pause_leader, 2, 4, serves=False),
    Fault("PostgreSQL restarted, immediate", restart_postgres, 0.2, 3, serves=False),
    Fault("PostgreSQL hangs", hang_postgres, 1, 4, serves=False),
    Fault("connections cut", cut_connections, 0.2, 1, serves=False),
    Fault("rolling restart", restart_in_turn, 0.1, 0.5, serves=False),
)
"""Every fault that plain processes on one machine allow."""
