"""Request models for the tests of argument parsing."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from todo.requests.request import Request


class Priority(StrEnum):
    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class ReminderSpec(BaseModel):
    """One reminder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: str | None = None
    before: Annotated[str | None, Field(max_length=8)] = None

    @classmethod
    def from_text(cls, text: str) -> dict[str, str]:
        if text == "never":
            raise ValueError("a reminder cannot be never")
        return {"at": text} if text.startswith("20") else {"before": text}


class Step(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    tool: str
    arguments: dict[str, Any] = {}
    then: "Step | None" = None


class Example(Request):
    """Arguments of an example."""

    title: Annotated[str, Field(min_length=1, max_length=20, description="What to do")]
    task_id: str | None = None
    notes: Annotated[str | None, Field(description="Details", max_length=50)] = None
    due: str | None = None
    day: Annotated[str | None, Field(pattern="^[a-z]+$")] = None
    priority: Priority | None = None
    status: Literal["open", "completed", "overdue", "all"] | None = None
    sort: Literal["due", "-due"] = "due"
    mood: Literal["urgent_one", "calm"] | None = None
    tags: Annotated[list[Annotated[str, Field(min_length=1, max_length=8)]] | None, Field(max_length=3)] = None
    numbers: tuple[int, ...] | None = None
    limit: Annotated[int, Field(ge=1, le=2**62)] = 20
    share: float | None = None
    paused: bool | None = None
    reminders: list[ReminderSpec] | None = None
    step: Step | None = None
    steps: list[Step] | None = None
    ends: int | str | None = None
    skip: Annotated[list[int] | None, Field(alias="except")] = None
    clear: list[Literal["notes", "tags"]] | None = None
