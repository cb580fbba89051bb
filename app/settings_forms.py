"""The forms of settings that are more than a text: checked, with what is wanted in the message."""

import re
from ipaddress import ip_network
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from app.origins import is_loopback, read_origin

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_BROKER = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\s:,\[\]]+):[0-9]{1,5}")
_TARGET = re.compile(r"(\w[\w.-]{0,39})=([A-Za-z][A-Za-z0-9+.-]*://\S*)")
_SENDER = re.compile(r"(?:[^<>@\r\n]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+)")


def split_list(text: str | None) -> frozenset[str]:
    """Return the parts of a list with commas between them."""
    return frozenset(name for part in (text or "").split(",") if (name := part.strip()))


def read_targets(text: str | None) -> dict[str, str]:
    """Return the URLs of targets by name; raises `ValueError` for another form, or a name that comes twice."""
    found: dict[str, str] = {}
    for part in (text or "").split():
        match = _TARGET.fullmatch(part)
        if match is None or match[1] in found:
            raise ValueError("name=URL is needed, with spaces or line breaks between, each name once")
        found[match[1]] = match[2]
    return found


def _check_proxies(value: str | None) -> str | None:
    for each in split_list(value):
        try:
            ip_network(each, strict=False)
        except ValueError:
            raise ValueError("addresses or networks such as 10.0.0.0/8 are needed, with commas between") from None
    return value or None


def _check_origins(value: str | None) -> str | None:
    if not all(read_origin(each) for each in split_list(value)):
        raise ValueError("origins such as http://localhost:6274 are needed, with commas between them")
    return value or None


def _check_brokers(value: str | None) -> str | None:
    if value and not all(_BROKER.fullmatch(each) for each in value.split(",")):
        raise ValueError("host:port is needed, or several with commas between them")
    return value or None


def _check_address(value: str | None) -> str | None:
    if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
        raise ValueError("an address such as http://127.0.0.1:3500 is needed, with http:// or https://")
    return value or None


def _check_issuer(value: str | None) -> str | None:
    parts = urlsplit(value or "https://x")
    if not parts.hostname or (parts.scheme != "https" and not is_loopback(parts.hostname)):
        raise ValueError("an address such as https://id.example/realms/home is needed, with https://")
    return value or None


def _check_public_url(value: str | None) -> str | None:
    if value and read_origin(value.rstrip("/")) is None:
        raise ValueError("an address such as https://todo.example is needed: http:// or https://, and no path")
    return value.rstrip("/") if value else None


def _check_channels(value: str | None) -> str | None:
    if split_list(value) - {"http", "private"}:
        raise ValueError("http, private, or both with a comma between")
    return value or None


def _check_mail_server(value: str | None) -> str | None:
    try:
        parts = urlsplit(value or "smtp://x")
        is_good = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError("an address such as smtps://user:password@mail.example:465 is needed")
    return value or None


def _check_sender(value: str | None) -> str | None:
    if value and not _SENDER.fullmatch(value):
        raise ValueError("an e-mail address such as todo@example.org is needed")
    return value or None


def _check_targets(value: str | None) -> str | None:
    read_targets(value)
    return value or None


def _check_vapid_key(value: str | None) -> str | None:
    if value:
        try:
            read_private_key(value)
        except (ValueError, TypeError):
            raise ValueError("a private key on the curve P-256 in PEM is needed, without a password") from None
    return value or None


def read_private_key(pem: str) -> "EllipticCurvePrivateKey":
    """Read a private key on the curve P-256 in PEM; raises `ValueError` or `TypeError` for anything else."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("not a private key on the curve P-256")
    return key


Proxies = Annotated[str | None, AfterValidator(_check_proxies)]
OriginList = Annotated[str | None, AfterValidator(_check_origins)]
Brokers = Annotated[str | None, AfterValidator(_check_brokers)]
ChannelAddresses = Annotated[str | None, AfterValidator(_check_channels)]
MailServer = Annotated[str | None, AfterValidator(_check_mail_server)]
MailSender = Annotated[str | None, AfterValidator(_check_sender)]
AppriseTargets = Annotated[str | None, AfterValidator(_check_targets)]
VapidKey = Annotated[str | None, AfterValidator(_check_vapid_key)]
Address = Annotated[str | None, AfterValidator(_check_address)]
IssuerAddress = Annotated[str | None, AfterValidator(_check_issuer)]
PublicAddress = Annotated[str | None, AfterValidator(_check_public_url)]
