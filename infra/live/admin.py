"""Kafka's admin client, opened with a deadline and closed in every case."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from infra.connection_reasons import collect_reasons
from infra.live.programs import LiveError

_RETRY_MS = 20


class KafkaUnreachable(LiveError):
    """No broker answers within the deadline, or one stops answering."""


@contextmanager
def open_admin(brokers: str, seconds: float) -> Iterator[Any]:
    """Yield a `KafkaAdminClient` for `host:port[,host:port…]`; raises `KafkaUnreachable`.

    `seconds` bounds the connecting, and each request afterwards.
    """
    from kafka import KafkaAdminClient  # type: ignore[import-untyped]  # imported on first use: half a second
    from kafka.errors import KafkaError  # type: ignore[import-untyped]  # it ships no types
    from kafka.net.compat import KafkaNetClient  # type: ignore[import-untyped]

    clients: list[Any] = []

    def make_client(**options: Any) -> Any:
        clients.append(KafkaNetClient(**options))
        return clients[-1]

    with collect_reasons() as reasons:
        try:
            admin = KafkaAdminClient(
                bootstrap_servers=[broker.strip() for broker in brokers.split(",") if broker.strip()],
                client_id="evolution-todo-live",
                bootstrap_timeout_ms=int(seconds * 1000),
                request_timeout_ms=int(seconds * 1000),
                reconnect_backoff_ms=_RETRY_MS,
                reconnect_backoff_max_ms=_RETRY_MS,
                kafka_client=make_client,
            )
        except KafkaError as error:
            # An admin client that fails to connect leaves its thread and its sockets behind.
            for client in clients:
                client.close()
            raise KafkaUnreachable(f"Kafka at {brokers} does not answer: {reasons.reason or error}") from None
    try:
        yield admin
    except KafkaError as error:
        raise KafkaUnreachable(f"Kafka at {brokers} does not answer: {error}") from None
    finally:
        admin.close()


def count_brokers(brokers: str, seconds: float) -> int:
    """Return how many brokers the cluster has ready; raises `KafkaUnreachable`."""
    with open_admin(brokers, seconds) as admin:
        found = admin.describe_cluster()["brokers"]
    return sum(not each.get("is_fenced") for each in found)
