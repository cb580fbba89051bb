"""What a service sends with: a carrier for each kind of channel that is set up."""

from dataclasses import dataclass, field
from typing import Any

from app.channels.carrier import Carrier
from app.channels.webhook import WebhookCarrier
from app.guarded_client import GuardedClient
from app.settings import Settings
from events.ports import Clock


@dataclass(frozen=True, slots=True)
class Outfit:
    """The carriers by kind, and the one guarded client that they share."""

    client: GuardedClient
    carriers: dict[str, Carrier]
    public: dict[str, str] = field(default_factory=dict)
    """What a browser must know to subscribe."""


def build_outfit(settings: Settings, clock: Clock, **client: Any) -> Outfit:
    """Return the carriers of a service; `client` are arguments of its guarded client."""
    guarded = GuardedClient(allowed=settings.channels_allowed, **client)
    return Outfit(guarded, {"webhook": WebhookCarrier(guarded, clock)})
