"""Kafka's admin client, opened with a deadline and closed in every case."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from infra.live.programs import LiveError


class KafkaUnreachable(LiveError):
    """No broker answers within the deadline, or one stops answering."""


@contextmanager
def open_admin(brokers: str, seconds: float) -> Iterator[Any]:
    """Yield a `KafkaAdminClient` for `host:port[,host:port…]`; raises `KafkaUnreachable`.

    `seconds` bounds the connecting, and each request afterwards.
    """
    addresses = [broker.strip() for broker in brokers.split(",") if broker.strip()]
    _require_open_port(brokers, addresses, seconds)
    from kafka import KafkaAdminClient  # type: ignore[import-untyped]  # imported on first use: half a second
    from kafka.errors import KafkaError  # type: ignore[import-untyped]  # it ships no types
    from kafka.net.compat import KafkaNetClient  # type: ignore[import-untyped]

    clients: list[Any] = []

    def make_client(**options: Any) -> Any:
        clients.append(KafkaNetClient(**options))
        return clients[-1]

    try:
        admin = KafkaAdminClient(
            bootstrap_servers=addresses,
            client_id="evolution-todo-live",
            bootstrap_timeout_ms=int(seconds * 1000),
            request_timeout_ms=int(seconds * 1000),
            reconnect_backoff_max_ms=200,
            kafka_client=make_client,
        )
    except KafkaError as error:
        # An admin client that cannot connect leaves its thread behind.
        for client in clients:
            client.close()
        raise KafkaUnreachable(f"Kafka at {brokers} does not answer: {error}") from None
    try:
        yield admin
    except KafkaError as error:
        raise KafkaUnreachable(f"Kafka at {brokers} does not answer: {error}") from None
    finally:
        admin.close()


def _require_open_port(brokers: str, addresses: list[str], seconds: float) -> None:
    """Raise `KafkaUnreachable` unless a broker accepts connections: the client would retry a refused port until late.

    Each of its refused attempts also leaves a socket to the garbage collector.
    """
    problem: Exception | str = "no broker is named"
    for address in addresses:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()
        except (OSError, ValueError) as error:
            problem = error
        else:
            return
    raise KafkaUnreachable(f"Kafka at {brokers} does not answer: {problem}")


def count_brokers(brokers: str, seconds: float) -> int:
    """Return how many brokers the cluster has ready; raises `KafkaUnreachable`."""
    with open_admin(brokers, seconds) as admin:
        found = admin.describe_cluster()["brokers"]
    return sum(not each.get("is_fenced") for each in found)
