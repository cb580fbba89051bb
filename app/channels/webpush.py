"""The carrier of web push: encrypted for the browser (RFC 8291), with keys of our own (RFC 8292), posted (RFC 8030)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from pydantic_core import to_json

from app.channels.addresses import check_address
from app.channels.carrier import BUTTONS, Outcome, judge_answer
from app.guarded_client import GuardedClient, Unreachable
from app.settings_forms import read_private_key
from events.ports import Clock
from todo.channels.channels import Given
from todo.channels.queue import Parcel
from todo.errors import InvalidArguments
from todo.text.display import show_text

KEPT = timedelta(hours=24)
"""How long the push service keeps a message for a browser that is away."""
TOKEN_LASTS = timedelta(hours=12)
"""Below the 24 hours that push services allow."""
SIGNED_FOR, MOST_SIGNED = timedelta(hours=1), 100
_GONE = (404, 410)


@dataclass(slots=True)
class Vapid:
    """The service's own key pair; push services know us by it, and a subscription is bound to it.

    What is signed for a push service is good for hours, and used for one.
    """

    private: ec.EllipticCurvePrivateKey
    public: str = field(init=False)
    """The public key, as browsers take it: base64url of the uncompressed point."""
    _signed: dict[str, tuple[datetime, str]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.public = _write64(self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    @classmethod
    def read(cls, pem: str) -> "Vapid":
        """Read a PEM; raises `ValueError` or `TypeError` for anything but a private key on the curve P-256."""
        return cls(read_private_key(pem))

    def authorize(self, endpoint: str, subject: str, clock: Clock) -> str:
        """Return the value of `Authorization` for a push service (RFC 8292, section 2)."""
        parts, now = urlsplit(endpoint), clock.now()
        audience = f"{parts.scheme}://{parts.netloc}"
        at, value = self._signed.get(audience, (now, ""))
        if not value or not timedelta() <= now - at < SIGNED_FOR:
            if len(self._signed) >= MOST_SIGNED:
                self._signed.clear()
            value = self._sign(audience, subject, now)
            self._signed[audience] = (now, value)
        return value

    def _sign(self, audience: str, subject: str, now: datetime) -> str:
        import jwt

        claims = {"aud": audience, "exp": int((now + TOKEN_LASTS).timestamp()), "sub": subject}
        return f"vapid t={jwt.encode(claims, self.private, algorithm='ES256')}, k={self.public}"


def make_pem() -> str:
    """Return a new private key."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass(frozen=True, slots=True)
class WebpushCarrier:
    """Sends a small JSON that the page's service worker shows; 404 and 410 end a subscription, nothing else does."""

    client: GuardedClient
    clock: Clock
    vapid: Vapid
    subject: str

    async def check(self, given: Given) -> None:
        """Check a subscription; raises `InvalidArguments`."""
        await check_address(self.client, given.address)
        try:
            _read_keys(given.secrets)
        except ValueError:
            raise InvalidArguments(
                "The keys of this subscription are not those of a browser.", "Subscribe again in the browser."
            ) from None

    async def send(self, parcel: Parcel, link: str) -> Outcome:
        """Make one attempt."""
        import http_ece  # type: ignore[import-untyped]  # it ships no types

        public, secret = _read_keys(parcel.secrets)
        body = http_ece.encrypt(
            to_json(_write_message(parcel, link)),
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=public,
            auth_secret=secret,
            version="aes128gcm",
        )
        headers = {
            "Authorization": self.vapid.authorize(parcel.address, self.subject, self.clock),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(int(KEPT.total_seconds())),
            "Urgency": "high" if parcel.what in ("ring", "test") else "normal",
            # At most 32 characters of base64url (RFC 8030, section 5.4): a later message replaces an undelivered one.
            "Topic": parcel.tag.removeprefix("todo-").replace("-", "")[-32:],
        }
        try:
            return judge_answer(await self.client.call("POST", parcel.address, headers, body), ends=_GONE)
        except Unreachable as failure:
            return Outcome("failed", str(failure))


def _write_message(parcel: Parcel, link: str) -> dict[str, Any]:
    """Return what the service worker gets: `{type, tag, title, body, urgent, link, actions, task_id}`."""
    if parcel.what == "clear":
        return {"type": "clear", "tag": parcel.tag}
    actions = [{"action": name, "title": label} for name, label in BUTTONS] if link else []
    return {
        "type": parcel.what,
        "tag": parcel.tag,
        "title": show_text(parcel.title),
        "body": parcel.text,
        "urgent": parcel.urgent,
        "link": link,
        "actions": actions,
        "task_id": parcel.task_id,
    }


def _read_keys(secrets: Any) -> tuple[ec.EllipticCurvePublicKey, bytes]:
    """Return the browser's public key and its shared secret; raises `ValueError`."""
    return _read_pair(secrets.get("p256dh", ""), secrets.get("auth", ""))


@lru_cache(maxsize=1_024)
def _read_pair(public_text: str, secret_text: str) -> tuple[ec.EllipticCurvePublicKey, bytes]:
    public, secret = _read64(public_text), _read64(secret_text)
    if len(public) != 65 or len(secret) != 16:
        raise ValueError("not of their length")
    # A point that is not on the curve is refused here.
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public), secret


def _read64(text: str) -> bytes:
    if not text.isascii():
        raise ValueError("not base64url")
    return urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


def _write64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
