"""The little of Kafka's protocol that topics need: what there is, make what there is not, change a setting."""
# Three requests do not justify a client library in every installation. None of these versions uses "tagged fields".

import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_METADATA, _CREATE_TOPICS, _ALTER_CONFIGS = (3, 4), (19, 4), (44, 0)
_CLIENT = "evolution-todo-live"
_ALREADY_THERE = 36
_KINDS = {"short": ">h", "int": ">i", "bool": ">?"}


class WireError(Exception):
    """The broker cannot be reached or does not answer as it should."""


class TopicRefused(WireError):
    """The broker does not make a topic as it was asked for."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a broker knows: brokers by id, and for each topic how many of its partitions have a leader."""

    brokers: dict[int, str]
    topics: dict[str, int] = field(default_factory=dict)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def read(self, kind: str) -> int:
        number: int = struct.unpack_from(_KINDS[kind], self.data, self.at)[0]
        self.at += struct.calcsize(_KINDS[kind])
        return number

    def read_text(self) -> str | None:
        length = self.read("short")
        if length < 0:
            return None
        self.at += length
        return self.data[self.at - length : self.at].decode()

    def read_numbers(self) -> list[int]:
        return [self.read("int") for _ in range(self.read("int"))]


def read_metadata(brokers: str, seconds: float = 2.0) -> Metadata:
    """Return what the first broker that answers says; raises `WireError` if none does."""
    body = struct.pack(">i", -1) + struct.pack(">?", False)  # all topics; do not make any
    answer = _ask(brokers, _METADATA, body, seconds)
    answer.read("int")
    found = {}
    for _ in range(answer.read("int")):
        node, host, port = answer.read("int"), answer.read_text(), answer.read("int")
        answer.read_text()
        found[node] = f"{host}:{port}"
    answer.read_text()
    answer.read("int")
    topics: dict[str, int] = {}
    for _ in range(answer.read("int")):
        answer.read("short")
        name = answer.read_text() or ""
        answer.read("bool")
        topics[name] = 0
        for _ in range(answer.read("int")):
            answer.read("short")
            answer.read("int")
            topics[name] += answer.read("int") >= 0
            answer.read_numbers()
            answer.read_numbers()
    return Metadata(found, topics)


def create_topics(
    brokers: str, names: Sequence[str], partitions: int, settings: Mapping[str, str], copies: int = -1
) -> None:
    """Make the topics that are not there yet; `copies` of -1 leaves that to the broker.

    Raises `TopicRefused` with the broker's reason, `WireError` if no broker answers.
    """
    texts = b"".join(_text(name) + _text(value) for name, value in settings.items())
    shape = struct.pack(">ihi", partitions, copies, 0) + struct.pack(">i", len(settings)) + texts
    body = struct.pack(">i", len(names)) + b"".join(_text(name) + shape for name in names)
    answer = _ask(brokers, _CREATE_TOPICS, body + struct.pack(">i?", 15_000, False), 20.0)
    answer.read("int")
    for _ in range(answer.read("int")):
        name, error, reason = answer.read_text(), answer.read("short"), answer.read_text()
        if error not in (0, _ALREADY_THERE):
            raise TopicRefused(f"Kafka does not make the topic {name}: {reason or f'error {error}'}.")


def set_topic(brokers: str, topic: str, name: str, value: str) -> None:
    """Change one setting of a topic; raises `TopicRefused` with the broker's reason, `WireError` if none answers."""
    is_topic, is_set = 2, 0
    setting = struct.pack(">i", 1) + _text(name) + struct.pack(">b", is_set) + _text(value)
    body = struct.pack(">ib", 1, is_topic) + _text(topic) + setting + struct.pack(">?", False)
    answer = _ask(brokers, _ALTER_CONFIGS, body, 20.0)
    answer.read("int")
    answer.read("int")
    error, reason = answer.read("short"), answer.read_text()
    if error != 0:
        raise TopicRefused(f"Kafka does not change {name} of the topic {topic}: {reason or f'error {error}'}.")


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def _ask(brokers: str, request: tuple[int, int], body: bytes, seconds: float) -> _Reader:
    message = struct.pack(">hhi", *request, 1) + _text(_CLIENT) + body
    problem: Any = "no broker is named"
    for broker in filter(None, brokers.split(",")):
        host, _, port = broker.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds) as connection:
                connection.sendall(struct.pack(">i", len(message)) + message)
                (size,) = struct.unpack(">i", _receive(connection, 4))
                reader = _Reader(_receive(connection, size))
                reader.read("int")
                return reader
        except (OSError, ValueError, struct.error) as error:
            problem = error
    raise WireError(f"Kafka at {brokers} does not answer: {problem}")


def _receive(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = connection.recv(min(size - len(data), 1 << 16))
        if not part:
            raise OSError("the connection was closed")
        data += part
    return bytes(data)
