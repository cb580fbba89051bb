"""The stdio process of one MCP client: the same tools on the same database, and the background work if it is free."""

import asyncio
import os
import signal
import sys
from contextlib import suppress

from app.http.server import calm_collector
from app.identity import StdioIdentity
from app.service import open_service
from app.settings import Settings
from app.system import SystemIds
from tools.stdio import EndableInput, serve_lines


async def serve_stdio(settings: Settings) -> None:
    """Serve MCP on standard input and output until the client closes them, or SIGTERM asks for the end."""
    lines = _open_input()
    async with open_service(settings) as service:
        server = service.build_mcp(StdioIdentity(SystemIds().new()))
        service.background.start()
        calm_collector()
        with suppress(NotImplementedError):  # Windows has no such signal
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lines.end)
        try:
            async with service.publish_updates():
                await serve_lines(server, lines)
        finally:
            await service.background.stop()
    if lines.ended:
        # A thread still waits for a line, and the interpreter would wait for the thread.
        sys.stdout.flush()
        os._exit(0)


def _open_input() -> EndableInput:
    """Return the lines of standard input, on a descriptor of their own: programs that we start find none there."""
    wire = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # Never closed: the thread may be reading from it until the process ends.
    return EndableInput(os.fdopen(wire, encoding="utf-8", errors="replace", closefd=False))
