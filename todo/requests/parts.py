"""The parts that the request models share: kinds of texts, reminders, and the base of every write."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from todo.requests.request import Request
from todo.text.display import is_seen
from todo.text.list_names import LONGEST, write_name
from todo.text.manner import split_manner

Priority = Literal["none", "low", "medium", "high"]


def _check_seen(text: str) -> str:
    if not is_seen(text):
        raise ValueError("nothing of it can be seen; write letters or digits")
    return text


Tag = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_check_seen)]
Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_check_seen)]
Notes = Annotated[str, Field(max_length=20_000)]
Tags = Annotated[list[Tag], Field(max_length=50)]
TimeText = Annotated[str, Field(max_length=64)]
Id = Annotated[str, Field(max_length=200)]


def _write_list_name(text: str) -> str:
    name = write_name(_check_seen(text))
    if len(name) > LONGEST:
        raise ValueError(f"it has {len(name)} characters; at most {LONGEST} are allowed")
    return name


ListName = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(_write_list_name)]


class SubtaskSpec(BaseModel):
    """A subtask of a new task: its title, and a due of its own if it has one; a bare string is the title."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Title
    due: Annotated[TimeText | None, Field(description="Or a duration before the due of the task")] = None

    @classmethod
    def from_text(cls, text: str) -> dict[str, Any]:
        """Read a bare string as the title."""
        return {"title": text}


SubtaskItem = Annotated[SubtaskSpec, WithJsonSchema({"type": "string"})]
START = "Not before: date, time, or 3d before the due"
LIST = "By name, made if new; inbox: none"
RULE = "RFC 5545 RRULE, such as FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=9"
TIME = "Date 2026-11-27, local time 2026-11-27T17:00, or instant with offset"
URGENT = "In quiet hours too"
NAG = "Again every 10m until answered"
ZONE = "IANA; default the person's"


class ReminderSpec(BaseModel):
    """One reminder: a time (`at`) or a duration before the due (`before`); a bare string is read as either.

    Behind either, a bare string may say `urgent`, and `nag` with a duration: `30m urgent nag 10m`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: TimeText | None = None
    before: Annotated[str, Field(max_length=64)] | None = None
    urgent: Annotated[bool | None, Field(description=URGENT)] = None
    nag: Annotated[TimeText | None, Field(description=NAG)] = None

    @classmethod
    def from_text(cls, text: str) -> dict[str, Any]:
        """Read a bare string: what begins with a year is a time, all else a duration before the due."""
        time, urgent, nag = split_manner(text)
        name = "at" if text[:4].isdigit() and text[4:5] == "-" else "before"
        return {name: time, "urgent": urgent, "nag": nag}


ReminderItem = Annotated[ReminderSpec, WithJsonSchema({"type": "string"})]
"""Published as its bare string, which says all that the object can and costs a fifth of it in the list of tools."""


class WriteRequest(Request):
    """A call that may change something."""

    request_id: Annotated[
        str | None,
        Field(max_length=255, description="To repeat a lost call"),
    ] = None

    @property
    def means_the_same_again(self) -> bool:
        """Whether the same call made again can only be a retry; False if it would mean "the next one"."""
        return True


class ChangeRequest(WriteRequest):
    """A change of one task that exists."""

    task_id: Id
    expected_version: Annotated[int | None, Field(ge=1, description="Refuse at another version")] = None
