"""The settings: environment, then the `.env` file beside `run.py`, then defaults."""

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from platformdirs import user_data_path
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from app.database_url import POSTGRESQL, SQLITE, check_database_url
from app.origins import is_loopback
from app.secret_files import read_files
from app.settings_channels import ChannelSettings
from app.settings_forms import (
    Address,
    Brokers,
    IssuerAddress,
    OriginList,
    Proxies,
    PublicAddress,
    split_list,
)
from app.settings_upkeep import UpkeepSettings
from events.catalog import TopicStyle
from todo.errors import InvalidTime
from todo.text.when import read_zone

REPOSITORY = Path(__file__).resolve().parent.parent


def _machine_zone() -> str:
    import tzlocal

    try:
        return read_zone(tzlocal.get_localzone_name() or "UTC").key
    except Exception:  # noqa: BLE001  # a machine without a readable zone is served in UTC
        return "UTC"


class BadSettings(Exception):
    """All problems of the settings in one message."""


class Settings(ChannelSettings, UpkeepSettings):
    """What an operator can set; `docs/settings.md` is generated from it."""

    model_config = SettingsConfigDict(env_prefix="TODO_", extra="ignore", frozen=True)

    data_dir: Path = Field(default_factory=lambda: user_data_path("evolution-todo", appauthor=False))
    """The folder of the database. Default: the platform's user data directory."""
    database_url: str = Field("sqlite:///todo.db", repr=False)
    """A SQLite file, relative to `TODO_DATA_DIR`, which migrates itself after a copy; or
    `postgresql://user:password@host:port/name` with libpq's options (`sslmode`, `connect_timeout`, …); one that cannot
    be kept is refused by its name."""
    database_url_file: Path | None = None
    """A file with that address, so that the password is in no environment."""
    broker: Literal["memory", "dapr"] = "memory"
    """`memory`: the embedded broker, as durable as the database; `dapr`: a Dapr sidecar and the broker behind it."""
    pubsub: str = Field("taskevents", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    """The sidecar's pub/sub component."""
    dapr_http: Address = None
    """The sidecar's HTTP API. Default: `http://127.0.0.1` with the port in `DAPR_HTTP_PORT`."""
    app_api_token: str | None = Field(None, validation_alias="APP_API_TOKEN", repr=False)
    """Dapr's own: the token that the sidecar shows to us; required beyond loopback."""
    dapr_api_token: str | None = Field(None, validation_alias="DAPR_API_TOKEN", repr=False)
    """Dapr's own: the token that we show to the sidecar; required beyond loopback."""
    app_api_token_file: Path | None = Field(None, validation_alias="APP_API_TOKEN_FILE")
    """A file with `APP_API_TOKEN`."""
    dapr_api_token_file: Path | None = Field(None, validation_alias="DAPR_API_TOKEN_FILE")
    """A file with `DAPR_API_TOKEN`."""
    dapr_http_port: int | None = Field(None, validation_alias="DAPR_HTTP_PORT", ge=1, le=65_535)
    """The port of the sidecar's HTTP API, as Dapr sets it. Default: 3500."""
    openai_api_key: str | None = Field(None, validation_alias="OPENAI_API_KEY", repr=False)
    """The key of the server that speaks Chat Completions; local servers need none."""
    openai_api_key_file: Path | None = Field(None, validation_alias="OPENAI_API_KEY_FILE")
    """A file with that key."""
    openai_base_url: Address = Field(None, validation_alias="OPENAI_BASE_URL")
    """Any server that speaks Chat Completions. Default: OpenAI's."""
    model: str | None = None
    """The language model that answers the chat, by its server's name; without it the built-in commands answer
    ([talking to it](chat.md))."""
    turn_steps: int = Field(12, ge=1, le=100)
    """The most answers of the model in one turn."""
    turn_calls: int = Field(20, ge=1, le=200)
    """The most tool calls in one turn."""
    turn_repeats: int = Field(3, ge=1, le=100)
    """How often a turn may make the same tool call."""
    turn_seconds: float = Field(60.0, ge=1, le=3_600)
    """The longest time of one turn, in seconds."""
    confirm: str | None = None
    """Tools with commas between them, such as `delete_task,undo`: an agent needs the person's agreement to each such
    call, also inside a plan."""
    history_tokens: int = Field(16_000, ge=1_000, le=1_000_000)
    """The most tokens of earlier turns that a model is sent."""
    kafka_brokers: Brokers = None
    """`host:port,…` for `events verify` and `live`."""
    kafka_username: str | None = None
    """A login for `events verify`: name, password and mechanism, or none of them."""
    kafka_password: str | None = Field(None, repr=False)
    """The password of that login."""
    kafka_password_file: Path | None = None
    """A file with that password."""
    kafka_mechanism: Literal["PLAIN", "SHA-256", "SHA-512"] | None = None
    """The mechanism of that login; the two SHA ones are SCRAM."""
    kafka_tls: bool | None = None
    """`false` for a broker without TLS. Default: `true` with a login or a certificate authority."""
    kafka_ca: str | None = Field(None, repr=False)
    """The brokers' certificate authority itself, in PEM. Default: the machine's."""
    kafka_ca_file: Path | None = None
    """A file with that certificate authority."""
    topic_style: TopicStyle = "type"
    """The names of topics."""
    role: Literal["all", "api", "worker"] = "all"
    """With the broker `dapr`: `api` has the public surfaces and no background work, `worker` only relay, scheduler and
    event handlers."""
    auth: Literal["local", "token"] = "local"
    """`local`: one person on this machine, without signing in. `token`: several people, each with personal tokens or a
    session of the page ([people](operating/people.md))."""
    oauth: Literal["off", "on"] = "off"
    """`on`: programs that accept OAuth alone, such as hosted assistants, connect by the service's own authorization
    server, with each person's consent; it wants `TODO_AUTH=token` and an https `TODO_PUBLIC_URL`
    ([people](operating/people.md))."""
    oidc_issuer: IssuerAddress = None
    """The OpenID Connect issuer whose access tokens are accepted, exactly as its metadata names it
    ([issuer](operating/issuer.md))."""
    oidc_audience: str | None = None
    """What such a token must name as its audience. Default: `TODO_PUBLIC_URL` followed by `/mcp`."""
    oidc_scopes: str | None = None
    """The scopes of such a token that names none of ours, with commas between them; by default it may do nothing."""
    oidc_client_id: str | None = None
    """The id under which the issuer knows this service, so that people log in by it on the page
    ([issuer](operating/issuer.md)); its redirect address is `TODO_PUBLIC_URL` followed by `/login/callback`."""
    oidc_client_secret: str | None = Field(None, repr=False)
    """The secret that belongs to it; a public client has none."""
    oidc_client_secret_file: Path | None = None
    """A file with that secret."""
    oidc_provision: bool = False
    """Whether an unknown subject becomes a new person; otherwise `person link` decides."""
    rate_writes: int = Field(300, ge=0, le=1_000_000)
    """The most writes a minute of one token, and of one person over all their tokens; 0 is without a bound. Rates are
    off with `TODO_AUTH=local`."""
    rate_reads: int = Field(1_200, ge=0, le=1_000_000)
    """The most reads a minute, likewise."""
    rate_turns: int = Field(60, ge=0, le=1_000_000)
    """The most turns of the chat in an hour, likewise; two at once are answered."""
    trusted_proxies: Proxies = None
    """Addresses or networks of the proxies before the service, with commas between them, such as `10.0.0.0/8`: their
    `X-Forwarded-For` is believed, and they may hold any number of connections ([proxy](operating/proxy.md))."""
    host: str = "127.0.0.1"
    """The address to listen on; with `TODO_AUTH=local`, which serves one person on this machine, only loopback."""
    token: str | None = Field(None, repr=False)
    """The personal token that `mcp` over stdio and `tool` show when the database serves several people."""
    token_file: Path | None = None
    """A file with that token."""
    port: int = Field(8000, ge=0, le=65_535)
    """The port to listen on; 0 takes a free one."""
    events_port: int | None = Field(None, ge=1, le=65_535)
    """The sidecar's own port: what it calls (`/events/…`, `/dapr/…`, `/bindings/…`) is served there alone, beside
    health, and no longer on `TODO_PORT`; daprd's `--app-port` is then this one."""
    events_host: str = "127.0.0.1"
    """The address of that port; a sidecar in the same pod is on loopback."""
    public_url: PublicAddress = None
    """The address under which people reach the service, without a path, such as `https://todo.example`. Default: made
    from host and port."""
    allowed_origins: OriginList = None
    """Origins with commas between them, such as `http://localhost:6274`, whose pages may call `/mcp` and `/v1` from a
    browser; the page's own origin always may."""
    zone: str = Field(default_factory=_machine_zone)
    """The person's IANA time zone when the database is new; later `PATCH /api/me`. Default: the machine's."""

    @model_validator(mode="before")
    @classmethod
    def _read_secrets(cls, given: Any) -> Any:
        return read_files(given) if isinstance(given, dict) else given

    @field_validator("data_dir", mode="before")
    @classmethod
    def _place_data(cls, value: Any) -> Any:
        if value in (None, ""):
            return user_data_path("evolution-todo", appauthor=False)
        # A relative folder counts from the file that names it, else from where the command was typed.
        base = Path.cwd() if os.environ.get("TODO_DATA_DIR") or not _beside() else REPOSITORY
        try:
            return base / Path(value).expanduser()
        except RuntimeError:
            raise ValueError("there is no home folder of that name") from None

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: str) -> str:
        if problems := check_database_url(value):
            raise ValueError("\n".join(problems))
        return value

    @field_validator("oidc_scopes")
    @classmethod
    def _check_scopes(cls, value: str | None) -> str | None:
        from todo.record.scopes import AGENT

        if split_list(value) - AGENT:
            raise ValueError(f"these can be given to an issuer's tokens: {', '.join(sorted(AGENT))}")
        return value or None

    @field_validator("confirm")
    @classmethod
    def _check_confirm(cls, value: str | None) -> str | None:
        if not value:
            return None
        from todo.operations import GUARDABLE  # only where it is set: the settings load without the domain

        unknown = sorted(split_list(value) - GUARDABLE)
        if unknown:
            raise ValueError(f"{', '.join(unknown)[:100]} cannot be guarded; these can: {', '.join(sorted(GUARDABLE))}")
        return value or None

    @field_validator("zone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        try:
            return read_zone(value).key
        except InvalidTime as error:
            raise ValueError(error.text) from None

    @model_validator(mode="after")
    def _check_together(self) -> "Settings":
        problems = [*self._find_problems(), *self._find_door_problems()]
        problems += [*self.find_channel_problems(), *self.find_upkeep_problems()]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _find_problems(self) -> Iterator[str]:
        if self.broker == "memory" and self.role != "all":
            yield f"TODO_ROLE={self.role}: needs a broker between the processes, TODO_BROKER=dapr"
        if self.broker == "dapr" and not is_loopback(self.host) and not (self.app_api_token and self.dapr_api_token):
            yield f"TODO_HOST={self.host}: with TODO_BROKER=dapr set APP_API_TOKEN and DAPR_API_TOKEN"
        if self.events_port is not None:
            yield from self._find_port_problems(self.events_port)
        login = ("kafka_username", "kafka_password", "kafka_mechanism")
        missing = [f"TODO_{name.upper()}" for name in login if not getattr(self, name)]
        if missing and len(missing) < len(login):
            yield f"{' and '.join(missing)}: not set; a login at Kafka is name, password and mechanism"
        if self.kafka_ca and self.kafka_tls is False:
            yield "TODO_KAFKA_CA: is of no use with TODO_KAFKA_TLS=false"
        if self.model and not (self.openai_api_key or self.openai_base_url):
            yield "TODO_MODEL: set OPENAI_API_KEY, or OPENAI_BASE_URL for another server than OpenAI's"

    def _find_port_problems(self, events_port: int) -> Iterator[str]:
        if self.broker != "dapr":
            yield "TODO_EVENTS_PORT: is of use with TODO_BROKER=dapr alone"
        if events_port == self.port:
            yield f"TODO_EVENTS_PORT={events_port}: TODO_PORT is the same; give the sidecar a port of its own"
        if not is_loopback(self.events_host) and not self.app_api_token:
            yield f"TODO_EVENTS_HOST={self.events_host}: set APP_API_TOKEN, or anybody could be the sidecar"

    def _find_door_problems(self) -> Iterator[str]:
        if self.oidc_issuer and self.auth != "token":
            yield "TODO_OIDC_ISSUER: is of use with TODO_AUTH=token alone"
        if self.oidc_issuer and not (self.oidc_audience or self.public_url):
            yield "TODO_OIDC_ISSUER: set TODO_OIDC_AUDIENCE or TODO_PUBLIC_URL, or any token would do"
        if self.oidc_client_id and not self.oidc_issuer:
            yield "TODO_OIDC_CLIENT_ID: set TODO_OIDC_ISSUER, whose client this is"
        if self.oidc_client_id and not self.public_url and not is_loopback(self.host):
            yield "TODO_OIDC_CLIENT_ID: set TODO_PUBLIC_URL, the address to which the issuer sends people back"
        if self.oidc_client_secret and not self.oidc_client_id:
            yield "TODO_OIDC_CLIENT_SECRET: set TODO_OIDC_CLIENT_ID, to which it belongs"
        if self.oauth == "on" and self.auth != "token":
            yield "TODO_OAUTH=on: is of use with TODO_AUTH=token alone"
        if self.oauth == "on" and not self._has_safe_address():
            yield "TODO_OAUTH=on: set TODO_PUBLIC_URL to the service's https address, such as https://todo.example"
        if self.auth == "token" and self.broker == "dapr" and not self.app_api_token:
            yield "APP_API_TOKEN: needed with TODO_AUTH=token and TODO_BROKER=dapr, or anybody could be the sidecar"
        if self.auth == "local" and not is_loopback(self.host):
            yield f"TODO_HOST={self.host}: with TODO_AUTH=local only a loopback address is allowed"

    def _has_safe_address(self) -> bool:
        """Return whether the public URL is https; plain http never leaves this machine with a loopback address."""
        parts = urlsplit(self.public_url or "")
        return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))

    @property
    def guarded(self) -> frozenset[str]:
        """The tools that need the person's agreement to each call of an agent."""
        return split_list(self.confirm)

    @property
    def origins(self) -> frozenset[str]:
        """The further origins whose pages may call."""
        return split_list(self.allowed_origins)

    @property
    def proxies(self) -> frozenset[str]:
        """The networks of the proxies that are trusted."""
        return split_list(self.trusted_proxies)

    @property
    def on_server(self) -> bool:
        """Whether the database is PostgreSQL."""
        return self.database_url.startswith(POSTGRESQL)

    @property
    def database_place(self) -> str:
        """The database's place for people to read, without its password."""
        if not self.on_server:
            return str(self.database_path)
        parts = urlsplit(self.database_url)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @cached_property
    def database_path(self) -> Path:
        """The SQLite file; a relative path starts at `TODO_DATA_DIR`."""
        return self.data_dir / unquote(self.database_url.removeprefix(SQLITE))

    @property
    def kafka_encrypted(self) -> bool:
        """Whether Kafka is reached by TLS: as configured; by default, as in daprd, with a login or a CA."""
        return bool(self.kafka_username or self.kafka_ca) if self.kafka_tls is None else self.kafka_tls

    @property
    def sidecar_url(self) -> str:
        """The address of the Dapr sidecar's HTTP API."""
        return (self.dapr_http or f"http://127.0.0.1:{self.dapr_http_port or 3500}").rstrip("/")

    @property
    def url(self) -> str:
        """The address under which people reach the service."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; raises `BadSettings` with all problems in one message."""
    default = user_data_path("evolution-todo", appauthor=False)
    directory = _beside() or Path(os.environ.get("TODO_DATA_DIR") or default).expanduser()
    try:
        return Settings(_env_file=directory / ".env", **overrides)  # type: ignore[call-arg]  # pydantic-settings adds it
    except PermissionError:
        raise BadSettings(f"{directory} cannot be read by this user: give it to them, or set TODO_DATA_DIR") from None
    except ValidationError as error:
        lines = _list_problems(error)
        try:
            # What does not go together is checked only when each alone is good: look again without the bad ones.
            Settings(_env_file=directory / ".env", **{**overrides, **_replace_bad(error)})  # type: ignore[call-arg]  # as above
        except ValidationError as second:
            lines += [line for line in _list_problems(second) if line not in lines]
        raise BadSettings("These settings cannot be used:\n" + "\n".join(f"  {line}" for line in lines)) from None


def _beside() -> Path | None:
    """Return the folder of `.env`; None for an installed program, which has it in the data directory."""
    return REPOSITORY if (REPOSITORY / "run.py").exists() else None


def _list_problems(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors():
        given = str(problem["loc"][0]) if problem["loc"] else ""
        # Dapr's own names are in capitals and have no prefix of ours.
        name = f"{given if given.isupper() else f'TODO_{given.upper()}'}: " if given else ""
        lines += [f"{name}{line}" for line in problem["msg"].removeprefix("Value error, ").splitlines()]
    return lines


def _replace_bad(error: ValidationError) -> dict[str, Any]:
    """Return the defaults of the settings that are bad by themselves."""
    fields = {str(field.validation_alias or name): field for name, field in Settings.model_fields.items()}
    bad = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
    return {name: fields[name].get_default(call_default_factory=True) for name in bad & fields.keys()}
