"""The carrier of Apprise: messages by other services, to targets that the operator has set; an extra."""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec

from app.channels.carrier import SENT, Outcome
from todo.channels.channels import Given
from todo.channels.queue import Parcel
from todo.errors import InvalidArguments
from todo.text.display import show_text

SECONDS = 10.0
MOST_OF_TARGET = 4
"""Messages to one target that are under way at once: one that hangs holds no more threads than these."""


@cache
def is_installed() -> bool:
    """Return whether the extra is there; it is not loaded for that."""
    return find_spec("apprise") is not None


@cache
def load_services() -> None:
    """Load Apprise and all its services, which takes seconds."""
    # What they log may hold the address of a target, and with it a secret.
    for name in ("apprise", "urllib3.connectionpool"):
        logging.getLogger(name).disabled = True
    import apprise

    apprise.Apprise()


def send_message(url: str, title: str, text: str) -> bool:
    """Send a message by Apprise and wait for the answer; return whether its target took it."""
    import apprise

    asset = apprise.AppriseAsset(async_mode=False, http_redirects=False, app_id="Evolution Todo")
    targets = apprise.Apprise(asset=asset)
    return bool(targets.add(url)) and bool(targets.notify(title=title, body=text, body_format="text"))


@dataclass(slots=True)
class AppriseCarrier:
    """Sends in threads, since Apprise waits; one that outlasts the deadline is left to end by itself."""

    targets: Mapping[str, str]
    notify: Callable[[str, str, str], bool] = send_message
    load: Callable[[], None] = load_services
    seconds: float = SECONDS
    _under_way: Counter[str] = field(default_factory=Counter)

    async def check(self, given: Given) -> None:
        """Check that a target is one of the operator's; raises `InvalidArguments`."""
        if given.address not in self.targets:
            raise InvalidArguments(
                "The operator has set no target of this name.", f"address is one of {', '.join(self.targets)}."
            )

    async def send(self, parcel: Parcel, link: str) -> Outcome:
        """Make one attempt; a target that the operator has removed may come back."""
        name, url = parcel.address, self.targets.get(parcel.address)
        if url is None:
            return Outcome("failed", "cannot be reached: the operator has removed this target")
        if self._under_way[name] >= MOST_OF_TARGET:
            return Outcome("failed", "does not answer: earlier messages still wait there")
        await asyncio.to_thread(self.load)
        text = f"{parcel.text}\n\nDone, later or tomorrow: {link}" if link else parcel.text
        try:
            async with asyncio.timeout(self.seconds):
                taken = await self._run_aside(name, lambda: self.notify(url, show_text(parcel.title), text))
        except TimeoutError:
            return Outcome("failed", f"does not answer within {self.seconds:g} s")
        return SENT if taken else Outcome("failed", "does not take the message")

    async def _run_aside(self, name: str, call: Callable[[], bool]) -> bool:
        """Run a call in a thread of its own, which neither a deadline nor the end of the process waits for."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()
        self._under_way[name] += 1

        def end(taken: bool) -> None:
            self._under_way[name] -= 1
            if not answer.done():
                answer.set_result(taken)

        def run() -> None:
            try:
                taken = call()
            except Exception:  # noqa: BLE001  # a service's own plugin may raise anything, with a secret in its text
                taken = False
            if not loop.is_closed():
                loop.call_soon_threadsafe(end, taken)

        threading.Thread(target=run, name="apprise", daemon=True).start()
        return await answer
