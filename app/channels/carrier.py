"""A carrier: what sends to channels of one kind."""

from dataclasses import dataclass
from typing import Literal, Protocol

from app.guarded_client import Answer
from todo.channels.channels import Given
from todo.channels.queue import Parcel

BUTTONS = (("done", "Done"), ("10m", "10 min"), ("tomorrow", "Tomorrow"))
"""The actions of a reminder where it rings, and what their buttons say."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt: `sent`; `failed`, to be tried again; `refused` for good; or the channel has `ended`.

    `why` completes a sentence on the channel, such as `answers 500`, and holds nothing of what the receiver sent.
    """

    state: Literal["sent", "failed", "refused", "ended"]
    why: str = ""


SENT = Outcome("sent")


class Carrier(Protocol):
    """Sends parcels of one kind; it raises nothing that a receiver can cause."""

    async def check(self, given: Given) -> None:
        """Check what a person gave for a channel; raises `InvalidArguments`."""

    async def send(self, parcel: Parcel, link: str) -> Outcome:
        """Make one attempt; `link` is the page on which a person answers a ring, "" for anything else."""


def judge_answer(answer: Answer, *, ends: tuple[int, ...] = ()) -> Outcome:
    """Return the outcome of an HTTP answer; a status in `ends` says that there is nothing there any more."""
    if 200 <= answer.status < 300:
        return SENT
    if answer.status in ends:
        return Outcome("ended", f"answers {answer.status}: it is gone")
    if 300 <= answer.status < 400:
        return Outcome("failed", f"answers {answer.status}: redirects are not followed")
    return Outcome("failed", f"answers {answer.status}")
