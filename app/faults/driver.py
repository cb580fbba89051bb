"""The driver: clients that change tasks at a steady pace and repeat each call until it is acknowledged."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import httpx2

from app.faults.oracle import Acknowledged
from app.system import Chance, SystemClock, SystemIds
from events.instants import write_instant

WRITERS = 4
PACE = 10.0
"""Changes per second of each writer."""
PATIENCE = 90.0
"""Seconds for which a client repeats one call; faults are healed earlier."""
_PAUSE = 0.05
_CALL_SECONDS = 6.0


@dataclass(slots=True)
class Tally:
    """The answers to the clients: acknowledged changes, the seconds of each first try, refusals and repeated calls.

    `broken` are the tries whose connection broke or stayed silent after the call was sent; one that cannot be connected
    goes to the next address, as a load balancer does it.
    """

    acknowledged: list[Acknowledged] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    repeated: int = 0
    unavailable: int = 0
    """Answers that said `storage_unavailable`."""
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Call:
    """One change that a client requests."""

    method: str
    path: str
    body: dict[str, Any]


@dataclass
class _Writer:
    """One client with its own tasks, so that it knows the expected result of each call."""

    urls: Sequence[str]
    chance: Chance
    tally: Tally
    pace: float
    stopping: threading.Event
    open: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    at: int = 0
    number: int = 0

    def run(self) -> None:
        with httpx2.Client(timeout=_CALL_SECONDS, trust_env=False) as http:
            while not self.stopping.is_set():
                began = time.monotonic()
                self.change(http)
                self.stopping.wait(max(0.0, 1 / self.pace - (time.monotonic() - began)))

    def change(self, http: httpx2.Client) -> None:
        """Make one change and record its result."""
        self.number += 1
        kind = self.chance.choice(["create", "create", "update", "update", "update", "complete", "reopen", "delete"])
        if kind == "reopen" and self.done:
            task = self.done.pop(self.chance.randrange(len(self.done)))
            if self.send(http, Call("POST", f"/tasks/{task}/reopen", {})):
                self.open.append(task)
        elif kind == "create" or len(self.open) < 3:
            body: dict[str, Any] = {"title": f"Task {self.number}"}
            if self.chance.randrange(4) == 0:
                body["reminders"] = [write_instant(SystemClock().now() + timedelta(seconds=self.chance.uniform(1, 4)))]
            answer = self.send(http, Call("POST", "/tasks", body))
            self.open += [answer["task"]["id"]] if answer else []
        else:
            # Prefer the newest tasks, so that several events of one task are pending at the same time.
            task = self.open[-1 - self.chance.randrange(min(4, len(self.open)))]
            if kind == "update":
                self.send(http, Call("PATCH", f"/tasks/{task}", {"notes": f"Note {self.number}"}))
                return
            self.open.remove(task)
            if kind != "delete":
                self.send(http, Call("POST", f"/tasks/{task}/complete", {}))
                self.done.append(task)
            else:
                self.send(http, Call("DELETE", f"/tasks/{task}", {}))

    def send(self, http: httpx2.Client, call: Call) -> dict[str, Any] | None:
        """Repeat a call under the same idempotency key until it has a final answer; return it, or None on refusal."""
        headers = {"Idempotency-Key": SystemIds().new()}
        began, tries = time.monotonic(), 0
        while time.monotonic() - began < PATIENCE:
            tries += 1
            try:
                url = f"{self.urls[self.at % len(self.urls)]}/api{call.path}"
                response = http.request(
                    call.method, url, headers=headers, json=None if call.method == "DELETE" else call.body
                )
            except httpx2.TransportError as error:
                if not isinstance(error, httpx2.ConnectError):
                    self.tally.broken.append(f"{call.method} {call.path}: {type(error).__name__} {error}")
                self.at += 1  # go on to the next address, as a load balancer would
                time.sleep(_PAUSE)
                continue
            if response.is_success:
                answer: dict[str, Any] = response.json()
                events = tuple(each["id"] for each in answer["events"])
                self.tally.acknowledged.append(Acknowledged(answer["task"]["id"], answer["task"]["version"], events))
                self.tally.repeated += tries > 1
                if tries == 1:
                    self.tally.seconds.append(time.monotonic() - began)
                return answer
            if response.status_code < 500:
                if "reminder_in_past" not in response.text:  # an outage may outlast the requested moment
                    self.tally.refused.append(f"{call.method} {call.path}: {response.text[:200]}")
                return None
            if _is_storage(response):
                self.tally.unavailable += 1
            else:
                self.tally.refused.append(f"{call.method} {call.path}: {response.status_code} {response.text[:200]}")
            self.at += 1
            time.sleep(_PAUSE)
        self.tally.refused.append(f"{call.method} {call.path}: no answer within {PATIENCE:g} s")
        return None


def _is_storage(response: httpx2.Response) -> bool:
    """Return whether the answer says `storage_unavailable`, the only reason for which the service may not serve."""
    with suppress(ValueError, AttributeError):
        return response.status_code == 503 and response.json().get("code") == "storage_unavailable"
    return False


def make_change(urls: Sequence[str], call: Call) -> tuple[dict[str, Any] | None, Tally]:
    """Make one change as a client does; return its answer, None if refused, and the client's tally."""
    tally = Tally()
    with httpx2.Client(timeout=_CALL_SECONDS, trust_env=False) as http:
        return _Writer(urls, Chance(0), tally, PACE, threading.Event()).send(http, call), tally


class Driver:
    """Writers that work inside a `with` block; on leaving it, every started call gets its answer."""

    def __init__(self, urls: Sequence[str], chance: Chance, writers: int = WRITERS, pace: float = PACE) -> None:
        self.tally = Tally()
        self._stopping = threading.Event()
        self._failed: list[BaseException] = []
        self._threads = [
            threading.Thread(
                target=self._keep(_Writer(urls, Chance(chance.random()), self.tally, pace, self._stopping))
            )
            for _ in range(writers)
        ]

    def _keep(self, writer: _Writer) -> Callable[[], None]:
        def run() -> None:
            try:
                writer.run()
            except BaseException as error:  # raised again in `__exit__`
                self._failed.append(error)
                raise

        return run

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE + 10)
        if self._failed and error is None:
            raise self._failed[0]

    def count(self) -> int:
        """Return the number of changes acknowledged so far."""
        return len(self.tally.acknowledged)
