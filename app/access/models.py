"""The tables of credentials, of outside logins and connected programs, and of how much was called lately."""

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from events.sql import only_where


class Credential(SQLModel, table=True):
    """A personal token, an invitation, a session of the page, or a connection and its tokens, known by a SHA-256.

    `scopes` are separated by blanks; empty means all rights of the person. `parent_id` is the token by which a session
    was opened, or the connection of an access or refresh token: they end together. `used_at` is the last use, exact to
    a minute. `client_id` is the program at the other end of a connection, whose digest is that of its code. `lists` are
    the ids of the lists that it is bound to, separated by blanks; NULL binds to none, and empty leaves nothing to see.
    """

    __tablename__ = "credential"
    __table_args__ = (
        Index("ux_credential_digest", "digest", unique=True),
        Index("ix_credential_user", "user_id", "kind"),
        Index("ix_credential_parent", "parent_id"),
        Index("ix_credential_client", "client_id", **only_where("client_id IS NOT NULL")),
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
    client_id: str | None = None
    lists: str | None = None


class OutsideLogin(SQLModel, table=True):
    """A person as an OpenID Connect issuer knows them; e-mail addresses change hands, subjects do not."""

    __tablename__ = "outside_login"
    __table_args__ = (Index("ix_outside_login_user", "user_id"),)

    issuer: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    user_id: str
    created_at: str


class OAuthClient(SQLModel, table=True):
    """A program that may ask people for a connection: registered by itself, or described at the https URL of its id.

    `metadata_json` is the part of its metadata that matters here. `used_at` is the last consent. A description is
    fetched again after `fresh_until`; a registered program has none.
    """

    __tablename__ = "oauth_client"

    id: str = Field(primary_key=True)
    name: str
    metadata_json: str
    secret_digest: str | None = None
    created_at: str
    used_at: str | None = None
    fresh_until: str | None = None


class OAuthStep(SQLModel, table=True):
    """A step of an authorization that is under way: a question on the consent page, or a code; used once, then gone."""

    __tablename__ = "oauth_step"
    __table_args__ = (Index("ix_oauth_step_expires", "expires_at"), Index("ix_oauth_step_user", "user_id"))

    digest: str = Field(primary_key=True)
    kind: str
    user_id: str
    client_id: str
    session_id: str
    request_json: str
    expires_at: str


class RateEntry(SQLModel, table=True):
    """How far ahead of its rate a caller is: the "theoretical arrival time" of GCRA, in microseconds since 1970."""

    __tablename__ = "rate"

    key: str = Field(primary_key=True)
    arrival: int = Field(sa_type=BigInteger)
