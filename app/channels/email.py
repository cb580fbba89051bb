"""The carrier of e-mail: one plain message through the operator's server."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

import aiosmtplib

from app.channels.addresses import check_mail_address
from app.channels.carrier import SENT, Outcome
from events.ports import Clock
from todo.channels.channels import Given
from todo.channels.queue import Parcel
from todo.text.display import show_text

SECONDS = 10.0
_PORTS = {"smtps": 465, "smtp": 587}


@dataclass(frozen=True, slots=True)
class Server:
    """The operator's mail server: `smtps` is TLS from the beginning, `smtp` takes STARTTLS where it is offered."""

    host: str
    port: int
    is_encrypted: bool
    username: str | None
    password: str | None

    @classmethod
    def read(cls, url: str) -> "Server":
        """Read `smtps://user:password@host:465`."""
        parts = urlsplit(url)
        name, word = (None if each is None else unquote(each) for each in (parts.username, parts.password))
        return cls(parts.hostname or "", parts.port or _PORTS[parts.scheme], parts.scheme == "smtps", name, word)


@dataclass(frozen=True, slots=True)
class EmailCarrier:
    """Sends plain text; the id of the message is the delivery's, so that a mailbox can tell a second copy."""

    server: Server
    sender: str
    clock: Clock
    connect: Callable[..., aiosmtplib.SMTP] = aiosmtplib.SMTP

    async def check(self, given: Given) -> None:
        """Check the form of an address; raises `InvalidArguments`."""
        check_mail_address(given.address)

    async def send(self, parcel: Parcel, link: str) -> Outcome:
        """Make one attempt; an address or a message that the server refuses for good is not tried again."""
        message = self._write(parcel, link)
        client = self.connect(
            hostname=self.server.host,
            port=self.server.port,
            use_tls=self.server.is_encrypted,
            timeout=SECONDS,
            username=self.server.username,
            password=self.server.password,
        )
        try:
            async with asyncio.timeout(SECONDS), client:
                await client.send_message(message, sender=self.sender, recipients=[parcel.address])
        except aiosmtplib.SMTPRecipientsRefused as refusal:
            return _judge(min(each.code for each in refusal.recipients), "refuses this address")
        except aiosmtplib.SMTPAuthenticationError:
            return Outcome("failed", "cannot be reached: the mail server refuses this service's login")
        except aiosmtplib.SMTPResponseException as refusal:
            return _judge(refusal.code, "refuses the message")
        except (aiosmtplib.SMTPException, OSError):
            return Outcome("failed", "cannot be reached: the mail server does not answer")
        return SENT

    def _write(self, parcel: Parcel, link: str) -> EmailMessage:
        # What is shown in a header is one line: show_text has turned every line break into a visible sign.
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = parcel.address
        message["Subject"] = show_text(parcel.title)
        message["Date"] = format_datetime(self.clock.now())
        message["Message-ID"] = f"<{parcel.id}@{self.sender.rpartition('@')[2].rstrip('>')}>"
        message["Auto-Submitted"] = "auto-generated"
        answer = f"\n\nDone, later or tomorrow: {link}" if link else ""
        message.set_content(f"{parcel.text}{answer}\n")
        return message


def _judge(code: int, what: str) -> Outcome:
    """Return the outcome of a refusal: from 500 on it is for good (RFC 5321, section 4.2.1)."""
    return Outcome("refused" if code >= 500 else "failed", f"was not reached: the mail server {what} ({code})")
