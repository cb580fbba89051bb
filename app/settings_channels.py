"""The settings of what is sent to people and their programs."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from app.settings_forms import (
    AppriseTargets,
    ChannelAddresses,
    MailSender,
    MailServer,
    VapidKey,
    read_targets,
    split_list,
)


class ChannelSettings(BaseSettings):
    """The part of the settings that says how people are reached."""

    channels_allow: ChannelAddresses = None
    """What addresses of channels may be besides public https ones, with a comma between: `http`, `private` (the
    operator's own network)."""
    smtp_url: MailServer = Field(None, repr=False)
    """The mail server for channels of kind `email`, such as `smtps://user:password@host:465`; `smtp://` takes STARTTLS
    where it is offered."""
    smtp_url_file: Path | None = None
    """A file with that address."""
    smtp_from: MailSender = None
    """The sender of those messages, such as `todo@example.org`."""
    vapid_key: VapidKey = Field(None, repr=False)
    """The private key of web push, in PEM, on the curve P-256. Default: made once and kept in the database."""
    vapid_key_file: Path | None = None
    """A file with that key."""
    apprise_targets: AppriseTargets = Field(None, repr=False)
    """Where channels of kind `apprise` may lead, as `name=URL` with spaces or line breaks between, the URL as Apprise
    writes it; people choose among the names. It wants the extra `apprise` ([channels](operating/channels.md))."""
    apprise_targets_file: Path | None = None
    """A file with those targets, whose URLs hold secrets."""

    @property
    def channels_allowed(self) -> frozenset[str]:
        """What addresses of channels may be besides public https ones."""
        return split_list(self.channels_allow)

    @property
    def targets(self) -> dict[str, str]:
        """The URLs of Apprise's targets, by name."""
        return read_targets(self.apprise_targets)

    def find_channel_problems(self) -> Iterator[str]:
        """Yield what does not go together."""
        if bool(self.smtp_url) != bool(self.smtp_from):
            yield "TODO_SMTP_URL and TODO_SMTP_FROM: e-mail needs both"
