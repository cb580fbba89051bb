"""What a service sends with: a carrier for each kind of channel that is set up, made when it is first needed."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.channels.apprise import AppriseCarrier, is_installed
from app.channels.carrier import Carrier
from app.channels.keys import ServiceKeys
from app.guarded_client import GuardedClient
from app.settings import Settings
from events.ports import Clock
from todo.channels.links import RINGING, write_link
from todo.channels.queue import Parcel

_WANTS = {
    "email": "The operator sets TODO_SMTP_URL and TODO_SMTP_FROM.",
    "apprise": "The operator sets TODO_APPRISE_TARGETS.",
}


@dataclass(slots=True)
class Outfit:
    """The carriers by kind, the one guarded client that they share, and the keys of the service."""

    settings: Settings
    clock: Clock
    keys: ServiceKeys
    client: GuardedClient
    _made: dict[str, Carrier] = field(default_factory=dict)

    @property
    def kinds(self) -> list[str]:
        """The kinds of channels that this service can serve."""
        more = {"email": bool(self.settings.smtp_url), "apprise": bool(self.targets)}
        return ["ntfy", "webhook", "webpush", *(kind for kind, is_there in more.items() if is_there)]

    @property
    def targets(self) -> list[str]:
        """The names of the operator's targets for Apprise; none where it is not installed."""
        return sorted(self.settings.targets) if self.settings.apprise_targets and is_installed() else []

    def say_missing(self, kind: str) -> str:
        """Return what is to be done about a kind that this service does not have."""
        if kind == "apprise" and self.settings.apprise_targets:
            return "The operator installs the extra: pip install 'evolution-todo[apprise]'."
        return _WANTS.get(kind, "Take another kind.")

    async def find(self, kind: str) -> Carrier | None:
        """Return the carrier of a kind; None for one that is not set up."""
        if kind not in self._made and kind in self.kinds:
            self._made[kind] = await self._make(kind)
        return self._made.get(kind)

    async def find_public_key(self) -> str:
        """Return the key that browsers want for a subscription."""
        from app.channels.webpush import Vapid

        return Vapid.read(await self._find_pem()).public

    async def link(self, parcel: Parcel) -> str:
        """Return the address of the page on which a person answers a ring; "" for anything else."""
        if parcel.what not in RINGING or not parcel.reminder_id or parcel.number is None:
            return ""
        return f"{self.settings.url}/act/{write_link(await self.find_link_key(), parcel.number, parcel.id)}"

    async def find_link_key(self) -> str:
        """Return the key that signs links."""
        from app.system import draw_secret

        return await self.keys.find("links", lambda: draw_secret().hex())

    async def _make(self, kind: str) -> Carrier:
        if kind == "webhook":
            from app.channels.webhook import WebhookCarrier

            return WebhookCarrier(self.client, self.clock)
        if kind == "ntfy":
            from app.channels.ntfy import NtfyCarrier

            return NtfyCarrier(self.client)
        if kind == "email":
            from app.channels.email import EmailCarrier, Server

            url, sender = self.settings.smtp_url or "", self.settings.smtp_from or ""
            return EmailCarrier(Server.read(url), sender, self.clock)
        if kind == "apprise":
            return AppriseCarrier(self.settings.targets)
        from app.channels.webpush import Vapid, WebpushCarrier

        return WebpushCarrier(self.client, self.clock, Vapid.read(await self._find_pem()), self._name_contact())

    async def _find_pem(self) -> str:
        if self.settings.vapid_key:
            return self.settings.vapid_key
        from app.channels.webpush import make_pem

        return await self.keys.find("vapid", make_pem)

    def _name_contact(self) -> str:
        """Return how a push service reaches the operator: an https address, or a mail address (RFC 8292)."""
        if self.settings.smtp_from:
            return f"mailto:{self.settings.smtp_from.rpartition('<')[2].rstrip('>')}"
        return self.settings.url if urlsplit(self.settings.url).scheme == "https" else "https://localhost"
