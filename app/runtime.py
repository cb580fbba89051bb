"""The runtime of a command: the event loop that it runs on, and its log."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def run_program(work: Coroutine[Any, Any, T]) -> T:
    """Run on the fastest event loop there is; Ctrl-C is an ordinary end."""
    set_up_log()
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with suppress(ImportError):  # there is no uvloop on Windows
        from uvloop import new_event_loop

        factory = new_event_loop
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(work)
    except KeyboardInterrupt:
        sys.exit(130)


def set_up_log() -> None:
    """Have each entry of the log be one line on standard error, with its instant in UTC."""
    # Before anything else sets it up: the MCP SDK would break its lines at 80 columns, in a file too.
    form = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(form)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
