"""What a person may set for themselves."""

from typing import Annotated, Literal

from pydantic import Field

from todo.requests.request import Request

CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
ClearableSetting = Literal["quiet_from", "quiet_until", "nag_minutes", "history_days"]


class UpdateMe(Request):
    """The person's settings, as `PATCH /api/me` takes them."""

    zone: Annotated[str | None, Field(max_length=64, description="IANA zone, such as Europe/Berlin")] = None
    day_start: Annotated[
        str | None,
        Field(pattern=CLOCK, description="Local HH:MM; reminders of dates count from it"),
    ] = None
    quiet_from: Annotated[str | None, Field(pattern=CLOCK, description="Local HH:MM: from then on nothing is sent")] = (
        None
    )
    quiet_until: Annotated[str | None, Field(pattern=CLOCK, description="Local HH:MM: what rang is sent then")] = None
    nag_minutes: Annotated[
        int | None, Field(ge=1, le=1_440, description="Reminders ring again after so many minutes, until answered")
    ] = None
    history_days: Annotated[
        int | None, Field(ge=30, le=36_500, description="What changed earlier is forgotten; null keeps it for ever")
    ] = None
    clear: Annotated[list[ClearableSetting] | None, Field(max_length=4, description="Settings to empty")] = None
