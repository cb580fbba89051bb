"""The reason why a kafka-python client cannot connect, which the client only logs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_VAGUE = ("KafkaConnectionError", "KafkaTimeoutError", "NodeNotReadyError", "Cancelled")
"""Errors that follow from another one: a connection that ends after a refusal."""


class ConnectionReasons(logging.Handler):
    """Keeps the most telling exception of the client's log records in `reason`."""

    reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a specific exception; a vague one only while there is no other."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        for each in arguments:
            name = type(each).__name__
            if isinstance(each, Exception) and (name not in _VAGUE or not self.reason):
                self.reason = str(each)[:300] or name


@contextmanager
def collect_reasons() -> Iterator[ConnectionReasons]:
    """Listen to the client's log inside the block."""
    reasons, logger = ConnectionReasons(), logging.getLogger("kafka")
    logger.addHandler(reasons)
    try:
        yield reasons
    finally:
        logger.removeHandler(reasons)
