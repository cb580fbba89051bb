"""The tables of credentials, of outside logins, and of how much was called lately."""

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel


class Credential(SQLModel, table=True):
    """A personal token, an invitation, or a session of the page, known by the SHA-256 of its secret.

    `scopes` are separated by blanks; empty means all rights of the person. `parent_id` is the token by which a session
    was opened: they end together. `used_at` is the last use, exact to a minute.
    """

    __tablename__ = "credential"
    __table_args__ = (
        Index("ux_credential_digest", "digest", unique=True),
        Index("ix_credential_user", "user_id", "kind"),
        Index("ix_credential_parent", "parent_id"),
    )

    id: str = Field(primary_key=True)
    user_id: str
    kind: str
    label: str
    digest: str
    scopes: str
    parent_id: str | None = None
    created_at: str
    expires_at: str | None = None
    used_at: str | None = None
    revoked_at: str | None = None


class OutsideLogin(SQLModel, table=True):
    """A person as an OpenID Connect issuer knows them; e-mail addresses change hands, subjects do not."""

    __tablename__ = "outside_login"
    __table_args__ = (Index("ix_outside_login_user", "user_id"),)

    issuer: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    user_id: str
    created_at: str


class RateEntry(SQLModel, table=True):
    """How far ahead of its rate a caller is: the "theoretical arrival time" of GCRA, in microseconds since 1970."""

    __tablename__ = "rate"

    key: str = Field(primary_key=True)
    arrival: int = Field(sa_type=BigInteger)
