"""How a reminder rings: urgently, and how soon again; as people write it behind a time: `30m urgent nag 10m`."""

import re
from dataclasses import dataclass

from todo.errors import InvalidArguments
from todo.text.when import Duration, read_duration, write_duration

SHORTEST_NAG, LONGEST_NAG = 60, 86_400
_WORDS = re.compile(r"(?P<time>.*?)(?P<urgent>\s+urgent)?(?:\s+nag\s+(?P<nag>\S+))?\s*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Manner:
    """An `urgent` reminder is not held back in quiet hours; `nag` is the duration after which it rings again."""

    urgent: bool = False
    nag: str | None = None

    @classmethod
    def read(cls, urgent: bool | None, nag: str | None) -> "Manner":  # both as they were given
        """Read what a call gave; raises `InvalidTime`, or `InvalidArguments` for a nag that is out of bounds."""
        return cls(bool(urgent), None if nag is None else _read_nag(nag))

    def write(self, time: str) -> str:
        """Return a time with these words behind it."""
        return f"{time}{' urgent' if self.urgent else ''}{f' nag {self.nag}' if self.nag else ''}"

    def say(self) -> str:
        """Return these words in a sentence, behind a time."""
        again = f", then every {self.nag} until it is done" if self.nag else ""
        return f"{', also in quiet hours' if self.urgent else ''}{again}"


def split_manner(text: str) -> tuple[str, bool | None, str | None]:
    """Return (time, urgent, nag) of a text such as `30m urgent nag 10m`; what it does not say is None."""
    match = _WORDS.fullmatch(text)
    if match is None:
        return text, None, None
    return match["time"], True if match["urgent"] else None, match["nag"]


def seconds_of(nag: str) -> int:
    """Return the length of a canonical nag."""
    return _count(read_duration(nag))


def _read_nag(text: str) -> str:
    duration = read_duration(text)
    if not SHORTEST_NAG <= _count(duration) <= LONGEST_NAG:
        raise InvalidArguments("nag is from 1m to 1d.", "Give for example 10m.")
    return write_duration(duration)


def _count(duration: Duration) -> int:
    return duration.days * 86_400 + int(duration.seconds)
