"""Settings of the real chain: the sidecar, its tokens, the roles, and secrets in files."""

from pathlib import Path
from typing import Any

import pytest

from app.database_url import read_server_address
from app.settings import BadSettings, Settings, load_settings


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def load_with(**environment: str) -> Settings:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return load_settings(data_dir=tmp_path)

    return load_with


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "http://127.0.0.1:3500"),
        ({"DAPR_HTTP_PORT": "3601"}, "http://127.0.0.1:3601"),
        ({"TODO_DAPR_HTTP": "http://sidecar:3500/"}, "http://sidecar:3500"),
        ({"TODO_DAPR_HTTP": "http://sidecar:1", "DAPR_HTTP_PORT": "2"}, "http://sidecar:1"),
        ({"TODO_DAPR_HTTP": "", "DAPR_HTTP_PORT": "2"}, "http://127.0.0.1:2"),
    ],
)
def test_where_the_sidecar_is(load: Any, environment: dict[str, str], url: str) -> None:
    assert load(**environment).sidecar_url == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DAPR_HTTP_PORT", "x"),
        ("DAPR_HTTP_PORT", "0"),
        ("DAPR_HTTP_PORT", "65536"),
        ("TODO_DAPR_HTTP", "127.0.0.1:3500"),
        ("TODO_DAPR_HTTP", "http://"),
        ("TODO_PUBSUB", "a/b"),
        ("TODO_KAFKA_BROKERS", "kafka"),
        ("TODO_KAFKA_BROKERS", "kafka:9092, other:9092"),
        ("TODO_TOPIC_STYLE", "types"),
        ("TODO_ROLE", "boss"),
    ],
)
def test_a_bad_one_is_told_by_its_own_name(load: Any, name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=rf"\n *{name}: "):
        load(**{name: value}, TODO_BROKER="dapr")


def test_the_brokers_are_a_list(load: Any) -> None:
    assert load(TODO_KAFKA_BROKERS="a:9092,b.c:1").kafka_brokers == "a:9092,b.c:1"
    assert load(TODO_KAFKA_BROKERS="[::1]:9092").kafka_brokers == "[::1]:9092"


@pytest.mark.parametrize("role", ["all", "api", "worker"])
def test_every_role_runs_on_dapr(load: Any, role: str) -> None:
    assert load(TODO_BROKER="dapr", TODO_ROLE=role).role == role


@pytest.mark.parametrize("role", ["api", "worker"])
def test_no_role_apart_runs_on_memory(load: Any, role: str) -> None:
    with pytest.raises(BadSettings, match="needs a broker between the processes"):
        load(TODO_ROLE=role)


@pytest.mark.parametrize("tokens", [{}, {"APP_API_TOKEN": "a"}, {"DAPR_API_TOKEN": "b"}])
def test_dapr_beyond_loopback_wants_both_tokens(load: Any, tokens: dict[str, str]) -> None:
    with pytest.raises(BadSettings, match="set APP_API_TOKEN and DAPR_API_TOKEN"):
        load(TODO_BROKER="dapr", TODO_HOST="0.0.0.0", **tokens)  # noqa: S104  # refused, never bound


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"TODO_BROKER": "memory"}, "TODO_EVENTS_PORT: is of use with TODO_BROKER=dapr alone"),
        ({"TODO_PORT": "8001"}, "TODO_EVENTS_PORT=8001: TODO_PORT is the same"),
        ({"TODO_EVENTS_HOST": "0.0.0.0"}, "TODO_EVENTS_HOST=0.0.0.0: set APP_API_TOKEN"),  # noqa: S104  # refused
        ({"TODO_EVENTS_PORT": "0"}, "TODO_EVENTS_PORT: "),
    ],
)
def test_a_sidecars_port_that_cannot_be_is_refused_by_name(load: Any, settings: dict[str, str], said: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load(**{"TODO_BROKER": "dapr", "TODO_EVENTS_PORT": "8001", **settings})
    assert said in str(caught.value)


def test_tokens_may_stand_in_files_and_are_never_shown(load: Any, tmp_path: Path) -> None:
    (tmp_path / "app").write_text("sesame\n", "utf-8")
    settings = load(APP_API_TOKEN_FILE=str(tmp_path / "app"), DAPR_API_TOKEN="abracadabra")  # noqa: S106  # a test's
    assert (settings.app_api_token, settings.dapr_api_token) == ("sesame", "abracadabra")
    assert "sesame" not in repr(settings)
    assert "abracadabra" not in repr(settings)


def test_all_secrets_that_cannot_be_read_are_told_at_once(load: Any, tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as told:
        load(
            APP_API_TOKEN="a",  # noqa: S106  # a test's
            APP_API_TOKEN_FILE=str(tmp_path / "app"),
            DAPR_API_TOKEN_FILE=str(tmp_path / "none"),
            TODO_DATABASE_URL_FILE=str(tmp_path / "none"),
        )
    for words in (
        "APP_API_TOKEN and APP_API_TOKEN_FILE are both set",
        "DAPR_API_TOKEN_FILE: the file cannot be read",
        "TODO_DATABASE_URL_FILE: the file cannot be read",
    ):
        assert words in str(told.value)


def test_a_model_needs_a_server_or_a_key_and_the_key_is_never_shown(load: Any, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="TODO_MODEL: set OPENAI_API_KEY, or OPENAI_BASE_URL"):
        load(TODO_MODEL="qwen3")
    with pytest.raises(BadSettings, match="OPENAI_BASE_URL: an address"):
        load(TODO_MODEL="qwen3", OPENAI_BASE_URL="localhost:11434")
    (tmp_path / "key").write_text("sk-abracadabra\n", "utf-8")
    settings = load(TODO_MODEL="gpt", OPENAI_BASE_URL="", OPENAI_API_KEY_FILE=str(tmp_path / "key"))
    assert settings.openai_api_key == "sk-abracadabra"
    assert "abracadabra" not in repr(settings)


PLAIN = {"TODO_KAFKA_USERNAME": "todo", "TODO_KAFKA_PASSWORD": "sesame", "TODO_KAFKA_MECHANISM": "PLAIN"}


@pytest.mark.parametrize(
    ("environment", "encrypted"),
    [
        ({}, False),
        (PLAIN, True),
        (PLAIN | {"TODO_KAFKA_TLS": "false"}, False),
        ({"TODO_KAFKA_TLS": "true"}, True),
        ({"TODO_KAFKA_CA": "-----BEGIN"}, True),
    ],
)
def test_every_login_at_kafka_is_encrypted_unless_told_otherwise(
    load: Any, environment: dict[str, str], encrypted: bool
) -> None:
    settings = load(**environment)
    assert settings.kafka_encrypted is encrypted
    assert "sesame" not in repr(settings)


@pytest.mark.parametrize("left_out", sorted(PLAIN))
def test_half_a_login_at_kafka_is_none(load: Any, left_out: str) -> None:
    with pytest.raises(BadSettings, match=f"  {left_out}: not set"):
        load(**{name: value for name, value in PLAIN.items() if name != left_out})


def test_a_ca_without_tls_and_an_unknown_mechanism_are_told(load: Any) -> None:
    with pytest.raises(BadSettings, match="TODO_KAFKA_CA: is of no use with TODO_KAFKA_TLS=false"):
        load(TODO_KAFKA_CA="x", TODO_KAFKA_TLS="false")
    with pytest.raises(BadSettings, match=r"TODO_KAFKA_MECHANISM: .*'PLAIN', 'SHA-256' or 'SHA-512'"):
        load(**(PLAIN | {"TODO_KAFKA_MECHANISM": "MD5"}))


def test_kafkas_password_and_ca_may_stand_in_files(load: Any, tmp_path: Path) -> None:
    for name in ("password", "ca"):
        (tmp_path / name).write_text(f"{name}-text\n", "utf-8")
    rest = {"TODO_KAFKA_USERNAME": "todo", "TODO_KAFKA_MECHANISM": "SHA-512"}
    files = {f"TODO_KAFKA_{name.upper()}_FILE": str(tmp_path / name) for name in ("password", "ca")}
    settings = load(**rest, **files)
    assert (settings.kafka_password, settings.kafka_ca) == ("password-text", "ca-text")


def test_f11_a_relative_data_folder_counts_from_the_file_that_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    house, elsewhere = tmp_path / "house", tmp_path / "elsewhere"
    for folder in (house, elsewhere):
        folder.mkdir()
    (house / "run.py").touch()
    (house / ".env").write_text("TODO_DATA_DIR=data\n")
    monkeypatch.setattr("app.settings.REPOSITORY", house)
    monkeypatch.delenv("TODO_DATA_DIR", raising=False)
    for folder in (house, elsewhere):
        monkeypatch.chdir(folder)
        assert load_settings().database_path == house / "data" / "todo.db"
    monkeypatch.setenv("TODO_DATA_DIR", "data")
    assert load_settings().data_dir == elsewhere / "data"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TODO_DATA_DIR", "~/todo")
    assert load_settings().data_dir == tmp_path / "todo"
    monkeypatch.setenv("TODO_DATA_DIR", "")
    (house / ".env").write_text("TODO_DATA_DIR=\n")
    assert load_settings().data_dir not in (elsewhere, house)
    assert load_settings().data_dir.is_absolute()


def test_x17_all_problems_come_in_one_message(tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as refused:
        load_settings(data_dir=tmp_path, host="0.0.0.0", port=99_999, zone="Mars", auth="local")  # noqa: S104  # refused
    said = str(refused.value)
    for name in ("TODO_HOST", "TODO_PORT", "TODO_ZONE"):
        assert said.count(name) == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u@h/db?channel_binding=require", "channel_binding can only be disable or prefer"),
        ("postgresql://u@h/db?gssencmode=require", "gssencmode can only be"),
        ("postgresql://u@h/db?client_encoding=latin1", "client_encoding can only be"),
        ("postgresql://u@h/db?requirepeer=postgres", "requirepeer is not supported here"),
        ("postgresql://u@h/db?pgbouncer=true", "pgbouncer is no option of an address"),
        ("postgresql://u@h/db?statement_timeout=5s", "statement_timeout is no option of an address"),
        ("postgresql://u@h/db?sslmod=require", "did you mean sslmode?"),
        ("postgresql://u@h/db?sslmode=on", "sslmode is one of disable, allow, prefer, require"),
        ("postgresql://u@h/db?connect_timeout=soon", "connect_timeout is a whole number"),
        ("postgresql://u@h/db?sslrootcert=/no/such/file", "sslrootcert: the file cannot be read"),
        ("postgresql://u@h/db?host=/tmp&port=0", "port is a number"),
        ("postgresql://u@h/db?sslmode", "name=value"),
        ("postgresql://u@h:port/db", "a port is a number"),
        ("postgresql://u@[::1/db", "cannot be read"),
        ("postgresql://u:sec/ret@h/db", "/ is written %2F"),
        ("postgresql://u:sec#ret@h/db", "# is %23"),
        ("postgresql://u:sec@ret@h/db", "@ is %40"),
        ("sqlite:///f?mode=ro", "a SQLite file takes no options"),
        ("sqlite:///:memory:", "a file is needed"),
        ("sqlite:///", "a file is needed"),
        ("mysql://h/db", "sqlite:///… or postgresql://… is served"),
    ],
)
def test_f10_what_an_address_cannot_have_is_refused_by_name_in_one_sentence(load: Any, url: str, said: str) -> None:
    with pytest.raises(BadSettings) as refused:
        load(TODO_DATABASE_URL=url)
    [line] = [line for line in str(refused.value).splitlines() if "TODO_DATABASE_URL: " in line]
    assert said in line
    assert "ret" not in line.replace("secret", "").replace("required", "")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@h/db?connect_timeout=10&keepalives=1&keepalives_idle=30&tcp_user_timeout=0",
        "postgresql://u@h/db?gssencmode=disable&channel_binding=prefer&client_encoding=UTF8&sslsni=1",
        "postgresql://u@h/db?sslmode=verify-full&target_session_attrs=read-write",
        "postgresql://u@h/db?application_name=mine&options=-c%20search_path%3Dtodo",
        "postgresql://u@a:1,b:2/db",
        "postgresql:///db?host=/tmp&port=5433",
        "postgres://u:%2F%3F%23%40%3A@[::1]:5432/db",
        "sqlite:////tmp/a b%3F.db",
    ],
)
def test_f10_what_an_address_may_have_is_taken(load: Any, url: str) -> None:
    assert load(TODO_DATABASE_URL=url).database_url == url


def test_f10_the_driver_gets_only_what_it_knows_and_the_session_the_rest() -> None:
    address = read_server_address(
        "postgresql://u@h/db?sslmode=disable&connect_timeout=3&application_name=mine&options=-c%20jit%3Don&keepalives=1"
    )
    assert address.dsn == "postgresql://u@h/db?sslmode=disable"
    assert address.session == {"application_name": "mine", "options": "-c jit=on"}
    assert address.connect_seconds == 3
    assert read_server_address("postgresql://h/db?connect_timeout=0").connect_seconds is None


ISSUED = {"TODO_AUTH": "token", "TODO_OIDC_ISSUER": "https://id.example", "TODO_OIDC_AUDIENCE": "todo"}


def test_the_secret_of_the_issuers_client_comes_from_a_file_and_shows_nowhere(load: Any, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("canary\n")
    settings = load(**ISSUED, TODO_OIDC_CLIENT_ID="todo", TODO_OIDC_CLIENT_SECRET_FILE=str(tmp_path / "secret"))
    assert settings.oidc_client_secret == "canary"  # noqa: S105  # a test's
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"TODO_AUTH": "token", "TODO_OIDC_CLIENT_ID": "todo"}, "TODO_OIDC_CLIENT_ID: set TODO_OIDC_ISSUER"),
        ({**ISSUED, "TODO_OIDC_CLIENT_SECRET": "x"}, "TODO_OIDC_CLIENT_SECRET: set TODO_OIDC_CLIENT_ID"),
        ({**ISSUED, "TODO_OIDC_CLIENT_ID": "todo", "TODO_HOST": "10.0.0.1"}, "CLIENT_ID: set TODO_PUBLIC_URL"),
    ],
)
def test_a_client_of_the_issuer_that_could_log_nobody_in_is_refused(
    load: Any, environment: dict[str, str], said: str
) -> None:
    with pytest.raises(BadSettings) as refused:
        load(**environment)
    assert said in str(refused.value)
    assert load(**ISSUED, TODO_OIDC_CLIENT_ID="todo", TODO_HOST="127.0.0.1", TODO_OIDC_CLIENT_SECRET="")


@pytest.mark.parametrize(
    "bad", ["json://x/", "family=", "a=json://x/ a=json://y/", "a b=json://x/", "a=x", "=json://x/"]
)
def test_targets_of_apprise_are_names_with_addresses_which_are_never_shown(load: Any, tmp_path: Path, bad: str) -> None:
    file = tmp_path / "targets"
    file.write_text("family=tgram://canary/1\nÄmter=json://anna:canary@x.example/?a=b,c\n", "utf-8")
    settings = load(TODO_APPRISE_TARGETS_FILE=str(file))
    assert settings.targets == {"family": "tgram://canary/1", "Ämter": "json://anna:canary@x.example/?a=b,c"}
    assert "canary" not in repr(settings)
    file.write_text(bad, "utf-8")
    with pytest.raises(BadSettings, match="name=URL is needed") as refused:
        load()
    assert "x/" not in str(refused.value)
