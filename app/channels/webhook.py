"""The carrier of webhooks: the CloudEvent, signed as Standard Webhooks 1.0 says."""

import hmac
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256

from app.channels.addresses import check_address
from app.channels.carrier import Outcome, judge_answer
from app.guarded_client import GuardedClient, Unreachable
from events.cloudevent import CONTENT_TYPE, find_trace
from events.instants import read_instant, write_instant
from events.ports import Clock
from todo.channels.channels import Given
from todo.channels.queue import Parcel

PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class WebhookCarrier:
    """Posts the event as it was recorded; the id of the message is the event's, and stays over all attempts."""

    client: GuardedClient
    clock: Clock

    async def check(self, given: Given) -> None:
        """Check an address; raises `InvalidArguments`."""
        await check_address(self.client, given.address)

    async def send(self, parcel: Parcel, link: str) -> Outcome:
        """Make one attempt; 410 ends the channel. A ring's page goes along in a header, since the body is the event."""
        now = self.clock.now()
        body = parcel.payload.encode()
        headers = {
            "Content-Type": CONTENT_TYPE,
            "User-Agent": "Evolution-Todo",
            "webhook-id": parcel.event_id,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        keys = [parcel.secrets["secret"]]
        if read_instant(parcel.secrets.get("old_until", write_instant(now))) > now:
            keys.append(parcel.secrets["old_secret"])
        headers["webhook-signature"] = " ".join(
            sign(key, headers["webhook-id"], headers["webhook-timestamp"], body) for key in keys
        )
        if link:
            headers["todo-link"] = link
        if (trace := find_trace(parcel.payload)) is not None:
            headers["traceparent"] = trace.traceparent
        try:
            return judge_answer(await self.client.call("POST", parcel.address, headers, body), ends=(410,))
        except Unreachable as failure:
            return Outcome("failed", str(failure))


def write_secret(drawn: bytes) -> str:
    """Return drawn bytes as a signing secret."""
    return PREFIX + b64encode(drawn).decode()


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the signature `v1,…` of a message: HMAC-SHA256 over id, timestamp and body with dots between."""
    key = b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + b64encode(hmac.new(key, signed, sha256).digest()).decode()
