"""`events verify` at a Kafka that wants a login, in the clear and by TLS, and of topics that are compressed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs do not re-export them
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from events.catalog import EventType
from infra.live.chain import LiveChain, Plan
from tests.live.publishing import make_envelope

PASSWORD = "open-sesame"  # noqa: S105  # of a chain that lives for a minute, on loopback
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@dataclass
class Guarded:
    """A Kafka with a listener for each kind of login; `ca` is the file of the certificate that it shows."""

    chain: LiveChain
    ca: Path

    def verify(self, listener: str, **settings: str) -> subprocess.CompletedProcess[str]:
        assert self.chain.kafka is not None
        address = self.chain.kafka.nodes[0].listeners[listener]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TODO_")}
        return subprocess.run(
            [sys.executable, "-m", "evolution_todo", "events", "verify", "--no-database", "--json"],
            env=kept
            | {"TODO_KAFKA_BROKERS": address}
            | {f"TODO_KAFKA_{name}": each for name, each in settings.items()},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Return the files of a key and of its certificate, which is its own authority."""
    key, certificate = folder / "key.pem", folder / "ca.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    return key, certificate


@pytest.fixture(scope="module")
def guarded(chain: LiveChain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("certificate")
    key, certificate = make_certificate(folder)
    store = folder / "both.pem"
    store.write_text(key.read_text("utf-8") + certificate.read_text("utf-8"), "utf-8")
    plain = {
        "sasl.enabled.mechanisms": "PLAIN",
        "plain.sasl.jaas.config": f'{_PLAIN} required user_todo="{PASSWORD}";',
    }
    scram = {
        "sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512",
        "scram-sha-256.sasl.jaas.config": f"{_SCRAM} required;",
        "scram-sha-512.sasl.jaas.config": f"{_SCRAM} required;",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
    }
    listeners = {"CLEAR": ("SASL_PLAINTEXT", plain), "TLS": ("SASL_SSL", scram)}
    with LiveChain(
        Plan(postgres=False, daprd=False, brokers=None, partitions=1, styles=["type"], kafka_listeners=listeners)
    ) as opened:
        admin = AdminClient({"bootstrap.servers": opened.brokers})
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            change = UserScramCredentialUpsertion("todo", ScramCredentialInfo(mechanism, 4096), PASSWORD.encode())
            for done in admin.alter_user_scram_credentials([change]).values():
                done.result(30)
        yield Guarded(opened, certificate)


def fill(chain: LiveChain) -> None:
    """Put three events on a topic with each codec."""
    for codec in CODECS:
        producer = Producer({"bootstrap.servers": chain.brokers, "compression.codec": codec, "linger.ms": 50})
        for number in range(3):
            event = make_envelope(EventType.TASK_CREATED, f"{codec}-{number}")
            event["data"] |= {"event_id": event["id"], "event_type": event["type"], "user_id": "local"}
            event["data"] |= {"timestamp": event["time"], "data": {"version": 1, "task": {"notes": "x" * 5_000}}}
            producer.produce("task.created", json.dumps(event), event["partitionkey"])
        assert producer.flush(30) == 0


@pytest.mark.long("30 s, with a broker of its own")
def test_each_login_reads_the_topics_however_they_are_compressed_and_tells_no_secret(guarded: Guarded) -> None:
    fill(guarded.chain)
    login = {"USERNAME": "todo", "PASSWORD": PASSWORD}
    tls = login | {"CA_FILE": str(guarded.ca)}
    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(guarded.verify, "CLEAR", **login, MECHANISM="PLAIN", TLS="false"),
            pool.submit(guarded.verify, "TLS", **tls, MECHANISM="SHA-256"),
            pool.submit(guarded.verify, "TLS", **tls, MECHANISM="SHA-512"),
        ]
    for run in runs:
        done = run.result()
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["topics"][0]["events"] == 3 * len(CODECS)
        assert PASSWORD not in done.stdout + done.stderr


@pytest.mark.long("15 s")
def test_what_is_wrong_with_a_login_is_told_in_a_sentence(guarded: Guarded) -> None:
    login = {"USERNAME": "todo", "PASSWORD": PASSWORD, "MECHANISM": "SHA-512", "CA_FILE": str(guarded.ca)}
    changes = {
        "Is the login right?": {"PASSWORD": "wrong-sesame"},
        "certificate verify failed": {"CA_FILE": ""},
        "TODO_KAFKA_CA holds no certificate": {"CA_FILE": "", "CA": "sesame"},
    }
    with ThreadPoolExecutor() as pool:
        runs = {words: pool.submit(guarded.verify, "TLS", **(login | change)) for words, change in changes.items()}
    for words, run in runs.items():
        done = run.result()
        assert done.returncode == 1
        assert words in done.stderr
        assert "sesame" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
