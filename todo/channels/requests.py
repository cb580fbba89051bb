"""The arguments of the calls on channels."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from events.catalog import EventType
from todo.requests.parts import Title
from todo.requests.request import AtMostOne, Combination, Request

Kind = Literal["webpush", "ntfy", "email", "webhook", "apprise"]
_ADDRESS = (
    "The webhook's https address, the ntfy topic's address, the e-mail address, or for apprise the name of one of the "
    "operator's targets"
)
EventName = Literal[
    "task.created", "task.updated", "task.completed", "task.deleted", "reminder.due", "recurring.trigger"
]


class Keys(BaseModel):
    """The keys of a browser's subscription, in base64url."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    p256dh: Annotated[str, Field(max_length=200)]
    auth: Annotated[str, Field(max_length=100)]


class Subscription(BaseModel):
    """A browser's `PushSubscription`, as its `toJSON()` gives it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: Annotated[str, Field(max_length=2_000)]
    expiration_time: Annotated[float | None, Field(alias="expirationTime")] = None
    keys: Keys


class CreateChannel(Request):
    """Arguments of `POST /api/channels`."""

    combinations: ClassVar[tuple[Combination, ...]] = (AtMostOne(("address", "subscription")),)

    kind: Kind
    name: Title | None = None
    address: Annotated[str | None, Field(max_length=2_000, description=_ADDRESS)] = None
    token: Annotated[str | None, Field(max_length=500, description="An access token of the ntfy server")] = None
    subscription: Annotated[Subscription | None, Field(description="Of the browser, for webpush")] = None
    events: Annotated[
        list[EventName] | None, Field(min_length=1, max_length=6, description="For webhooks; default all six")
    ] = None
    enabled: bool | None = None


class UpdateChannel(Request):
    """Arguments of `PATCH /api/channels/{id}`."""

    name: Title | None = None
    enabled: bool | None = None
    events: Annotated[list[EventName] | None, Field(min_length=1, max_length=6)] = None
    address: Annotated[str | None, Field(max_length=2_000)] = None
    token: Annotated[str | None, Field(max_length=500)] = None
    new_secret: Annotated[
        bool | None, Field(description="Make a new signing secret; the old one signs along for a day")
    ] = None


ALL_EVENTS = tuple(kind.value for kind in EventType)
