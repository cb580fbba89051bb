"""A program that gets events by webhook, and fails as receivers do."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal, Self

Mood = Literal["well", "fails", "hangs", "loses", "holds"]
_PATIENCE = 60.0
"""Seconds after which a request that hangs is let go, in case that the play has ended."""


@dataclass
class Receiver:
    """A server inside a `with` block: `fails` answers 500, `hangs` nothing, `loses` takes an event and ends.

    One that `holds` takes an event and answers when its mood changes, so that its sender can be killed before.
    """

    mood: Mood = "well"
    taken: Counter[str] = field(default_factory=Counter)
    """How often each event was taken, by its id."""
    lost: Counter[str] = field(default_factory=Counter)
    """How often the answer to a taken event was lost: such an event has to come again."""
    met: threading.Event = field(default_factory=threading.Event)
    """Set once a request has met another mood than `well`."""
    _healed: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heal()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/events"

    def heal(self) -> None:
        """Be well from now on, and let go what hangs."""
        self.mood = "well"
        self._healed.set()

    def meet(self, event_id: str) -> int | None:
        """Do with an event as the mood is; return the status of the answer, None for no answer."""
        mood = self.mood
        with self._lock:
            self.taken[event_id] += mood in ("well", "loses", "holds")
            self.lost[event_id] += mood == "loses"
        if mood != "well":
            self.met.set()
        if mood in ("hangs", "holds"):
            self._healed.wait(_PATIENCE)
        return {"well": 200, "holds": 200, "fails": 500}.get(mood)

    def judge(self, expected: Iterable[str], kills: int) -> tuple[list[str], list[str]]:
        """Return what of the expected events was lost, and what came twice without need, beyond one for each kill."""
        with self._lock:
            lost = [f"recorded and not sent to a channel: {each}" for each in expected if not self.taken[each]]
            doubled = {each: count - 1 - self.lost[each] for each, count in self.taken.items()}
        twice = [f"sent {count + 1} times to a channel: {each}" for each, count in doubled.items() if count > 0]
        return lost, twice if sum(count for count in doubled.values() if count > 0) > kills else []

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                status = receiver.meet(self.headers["webhook-id"])
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing: each request is counted."""

        return Handler
