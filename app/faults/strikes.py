"""The faults that are struck on the chain and on the product, each with its healing."""

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import httpx2

from app.faults.arena import Arena, Replica
from app.faults.deliveries import trouble_receiver
from app.faults.topic_reader import move_past
from app.system import SystemClock
from events.catalog import EventType, name_topic
from events.instants import write_instant
from infra.live import disk
from infra.live.guard import send
from infra.live.machine import find_faketime
from infra.live.programs import LiveError, wait_until
from infra.live.resources import PRODUCT
from infra.live.topics import MOST_BYTES, limit_topic

Heal = Callable[[], None]
_END_SECONDS = 30.0
_SMALL = 16 << 10
"""Most bytes of a batch of records, too few for the longest notes."""
_LATE = timedelta(seconds=4)
"""An event that is still pending after this time was held up."""
_PARKED_SECONDS = 40.0
_AHEAD = timedelta(seconds=6)
"""Time from the request for a series to its due date, since a process was just killed and the call may be repeated."""
_OF_THE_APP = ("--app-port", "--app-protocol", "--app-channel", "--app-health", "--enable-app-health")
"""The options without which a daprd still publishes but delivers nothing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table: `strike` causes the fault and returns its healing, after `shortest` to `longest` seconds.

    `serves` says whether writes must be acknowledged during the fault; `find_trouble` returns a sentence if the fault
    cannot be struck on this machine.
    """

    name: str
    strike: Callable[[Arena], Heal]
    shortest: float = 1.0
    longest: float = 4.0
    serves: bool = True
    find_trouble: Callable[[], str] = lambda: ""


def _nothing() -> None:
    """Do nothing: the fault heals by itself."""


def _start_all(replicas: list[Replica]) -> None:
    for replica in replicas:
        replica.daprd.begin()
    for replica in replicas:
        replica.daprd.wait_ready()


def kill_sidecars(arena: Arena) -> Heal:
    """SIGKILL every daprd: deliveries in progress come again."""
    for replica in arena.replicas:
        replica.daprd.kill()
    return lambda: _start_all(arena.replicas)


def stop_sidecars(arena: Arena) -> Heal:
    """SIGTERM every daprd."""
    for replica in arena.replicas:
        replica.daprd.stop()
    return lambda: _start_all(arena.replicas)


def pause_sidecars(arena: Arena) -> Heal:
    """SIGSTOP every daprd: it accepts connections and does not answer."""
    for replica in arena.replicas:
        replica.daprd.pause()

    def heal() -> None:
        for replica in arena.replicas:
            replica.daprd.resume()

    return heal


def crash_sidecar(arena: Arena) -> Heal:
    """SIGKILL the daprd that publishes events; its guard restarts it."""
    arena.find_leader().daprd.crash()
    return _nothing


def pass_over(arena: Arena) -> Heal:
    """Publish without delivering, then move the consumer group past the published records, as daprd may do."""
    commands = [replica.daprd.program.command for replica in arena.replicas]
    for replica in arena.replicas:
        replica.daprd.stop()
        words = [str(word) for word in replica.daprd.program.command]
        replica.daprd.program.command = [word for word in words if not word.startswith(_OF_THE_APP)]
    _start_all(arena.replicas)

    def heal() -> None:
        for replica, command in zip(arena.replicas, commands, strict=True):
            replica.daprd.stop()
            replica.daprd.program.command = command
        move_past(arena.chain.brokers, PRODUCT, arena.topics)
        _start_all(arena.replicas)

    return heal


def kill_kafka(arena: Arena) -> Heal:
    """SIGKILL the broker."""
    arena.kafka.kill()
    return arena.kafka.start


def stop_kafka(arena: Arena) -> Heal:
    """SIGTERM the broker."""
    arena.kafka.stop()
    return arena.kafka.start


def hang_kafka(arena: Arena) -> Heal:
    """SIGSTOP the broker: it accepts connections and does not answer."""
    arena.kafka.pause()
    return arena.kafka.resume


def start_sidecars_before_kafka(arena: Arena) -> Heal:
    """Restart every daprd without a broker: it exits, and its guard restarts it until there is one."""
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
    """SIGKILL the process that publishes; its guard restarts it."""
    arena.find_leader().program.crash()
    return _nothing


def crash_all(arena: Arena) -> Heal:
    """SIGKILL every process of the product: none is left to publish the latest commits."""
    for replica in arena.replicas:
        replica.program.crash()
    return _nothing


def pause_leader(arena: Arena) -> Heal:
    """SIGSTOP the leading process beyond its lease: another takes over, then two believe that they lead."""
    leader = arena.find_leader()
    leader.program.pause()
    return leader.program.resume


def restart_postgres(arena: Arena) -> Heal:
    """Stop the server as `pg_ctl -m immediate` does: it closes no connection properly and recovers from its log."""
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
    """Terminate the server side of every connection of the product, including the lease holder's."""
    with suppress(OSError, asyncpg.PostgresError):
        arena.ledger.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'evolution-todo'"
        )
    return _nothing


def restart_in_turn(arena: Arena) -> Heal:
    """Deploy again: stop each process in order and restart it with its sidecar, one after the other."""
    for replica in arena.replicas:
        replica.program.stop()
        replica.daprd.stop()
        replica.begin()
        replica.wait_ready()
    return _nothing


def lose_answers(arena: Arena) -> Heal:
    """Let Kafka write daprd's records but drop its responses, and keep resetting daprd's connections."""
    forwarders = arena.kafka.forwarders
    for forwarder in forwarders:
        forwarder.lose_answers()

    def heal() -> None:
        wait_until(lambda: any(forwarder.lost for forwarder in forwarders), _END_SECONDS, "an answer is lost")
        for forwarder in forwarders:
            forwarder.heal()

    return heal


def refuse_large(arena: Arena) -> Heal:
    """Let the broker refuse one large event: its task alone is parked and waits; then let the event through."""
    topic = name_topic(EventType.TASK_UPDATED, arena.style)
    task = arena.write("POST", "/tasks", {"title": "Large"})["task"]["id"]
    limit_topic(arena.chain.brokers, topic, _SMALL)

    def is_refused() -> bool:
        number = len(arena.acknowledged)  # different notes each time: the broker applies the limit a little later
        arena.write("PATCH", f"/tasks/{task}", {"notes": f"{number}".ljust(20_000, "x")})
        wait_until(lambda: arena.ledger.count_tries(task) != (1, 0), _END_SECONDS, "the large event is sent")
        return arena.ledger.count_tries(task)[1] > 0

    wait_until(is_refused, _END_SECONDS, "Kafka refuses the large event")

    def heal() -> None:
        wait_until(lambda: bool(arena.ledger.list_parked()), _PARKED_SECONDS, "the large event is parked")
        arena.write("PATCH", f"/tasks/{task}", {"notes": "short"})  # a small event, which must still wait behind it
        late = arena.ledger.count_late(task, write_instant(SystemClock().now() - _LATE))
        parked = arena.ledger.list_parked()
        limit_topic(arena.chain.brokers, topic, MOST_BYTES)
        arena.run_command("events", "replay", "--parked")
        if late or parked != {task}:
            raise LiveError(f"One event was too large: {late} others waited, {len(parked)} tasks were parked.")

    return heal


def move_clock(offset: str) -> Callable[[Arena], Heal]:
    """Return a strike that shifts the leading process's clock by `offset` seconds; the healing shifts it back."""

    def strike(arena: Arena) -> Heal:
        other = arena.find_leader()
        moved = next(replica for replica in arena.replicas if replica is not other)
        clock = moved.program.folder / "clock"
        clock.write_text("+0", "utf-8")
        if "LD_PRELOAD" not in (moved.program.environment or {}):
            moved.program.stop()
            moved.program.environment = {
                **(moved.program.environment or {}),
                "LD_PRELOAD": str(find_faketime()),
                "FAKETIME_TIMESTAMP_FILE": str(clock),
                "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
            moved.program.start()
            moved.wait_ready()
        other.program.crash()
        wait_until(lambda: arena.find_leader() is moved, _END_SECONDS, "the process whose clock will jump leads")
        due = (SystemClock().now() + _AHEAD).replace(microsecond=0)
        series = arena.write(
            "POST",
            "/recurring-tasks",
            {
                "title": "Comes",
                "rule": f"FREQ=HOURLY;BYMINUTE={due.minute};BYSECOND={due.second}",
                "first_due": write_instant(due),
                "mode": "every_occurrence",
            },
        )["recurring_id"]
        before = arena.ledger.read_lease()
        clock.write_text(offset, "utf-8")

        def heal() -> None:
            after = arena.ledger.read_lease()
            clock.write_text("+0", "utf-8")
            wait_until(lambda: SystemClock().now() > due + timedelta(seconds=1), _END_SECONDS, "the date has come")
            wait_until(lambda: arena.ledger.count_instances(series)[0] > 1, _END_SECONDS, "the next instance is made")
            if before != after:
                raise LiveError(f"The lease went from {before} to {after} because a clock jumped.")
            instances, dates = arena.ledger.count_instances(series)
            if instances != dates:
                raise LiveError(f"{instances} instances on {dates} dates.")

        return heal

    return strike


def _find_no_faketime() -> str:
    return "" if find_faketime() else "libfaketime is not installed (Debian: `apt install libfaketime`)."


def fill_disk(arena: Arena) -> Heal:
    """Fill the disk of the database's tables: calls are refused with a code until there is room again."""
    full = arena.chain.disk
    assert full is not None  # noqa: S101  # no trouble was found
    full.fill()

    def is_refused() -> bool:
        return any(_is_refused(url) for url in arena.urls)

    def heal() -> None:
        try:
            wait_until(is_refused, _END_SECONDS, "a call is refused for want of room")
        finally:
            full.make_room()

    return heal


def _is_refused(url: str) -> bool:
    """Return whether a large change is refused; raises `LiveError` if the refusal does not name the full disk."""
    answer = httpx2.post(f"{url}/api/tasks", json={"title": "Too much", "notes": "x" * 20_000}, trust_env=False)
    if answer.is_success:
        return False
    if answer.status_code != 503 or "no room" not in answer.text:
        raise LiveError(f"A full disk reads {answer.status_code} {answer.text[:200]}")
    return True


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
    Fault("Kafka's answers lost", lose_answers, 1, 6),
    Fault("one event too large for Kafka", refuse_large, 1, 4),
    Fault("records passed over", pass_over, 1, 3),
    Fault("clock an hour ahead", move_clock("+3600"), 2, 5, find_trouble=_find_no_faketime),
    Fault("clock an hour behind", move_clock("-3600"), 2, 5, find_trouble=_find_no_faketime),
    Fault("receiver answers 500", trouble_receiver("fails")),
    Fault("receiver hangs", trouble_receiver("hangs"), 2, 8),
    Fault("receiver's answers lost", trouble_receiver("loses")),
    Fault("app killed between sending and marking", trouble_receiver("holds", kills=True), 0.2, 1, serves=False),
    Fault("database's disk full", fill_disk, 1, 4, serves=False, find_trouble=disk.find_trouble),
)
"""Every fault that can be struck on processes of one machine."""
