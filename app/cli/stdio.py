"""The stdio process of one MCP client: the same tools on the same database, and the background work if it is free."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace

from app.access.door import TRUSTED_FOR, admit_program
from app.identity import StdioIdentity
from app.runtime import calm_collector
from app.service import Service, open_service
from app.settings import Settings
from app.system import SystemIds
from tools.stdio import EndableInput, gather_output, serve_lines


async def serve_stdio(settings: Settings) -> None:
    """Serve MCP on standard input and output until the client closes them, or SIGTERM asks for the end.

    Once its token has ended, every call is refused: the client holds the process, so it cannot just go away. Raises
    `Unauthenticated`.
    """
    lines = _open_input()
    async with open_service(settings) as service:
        identity = StdioIdentity(SystemIds().new(), await admit_program(service.door, settings.token))
        server = service.build_mcp(identity)
        service.background.start()
        calm_collector()
        watch = asyncio.create_task(_watch(service, settings.token or "", identity), name="token")
        with suppress(NotImplementedError):  # Windows has no such signal
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lines.end)
        try:
            async with service.publish_updates(), gather_output(_move_output()) as output:
                await serve_lines(server, lines, output)
        finally:
            watch.cancel()
            await service.background.stop()
    if lines.ended:
        # A thread still waits for a line, and the interpreter would wait for the thread.
        sys.stdout.flush()
        os._exit(0)


async def _watch(service: Service, secret: str, identity: StdioIdentity) -> None:
    """Take the caller's rights away within a second of their credential's end."""
    while service.door is not None:
        await asyncio.sleep(TRUSTED_FOR.total_seconds())
        caller = await service.door.recheck(secret, identity.caller)
        identity.caller = replace(identity.caller, scopes=caller.scopes if caller else frozenset())


def _open_input() -> EndableInput:
    """Return the lines of standard input, on a descriptor of their own: programs that we start find none there."""
    wire = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # Never closed: the thread may be reading from it until the process ends.
    return EndableInput(wire)


def _move_output() -> int:
    """Return a descriptor of standard output for the protocol alone; what else is printed goes to standard error."""
    wire = os.dup(1)
    os.dup2(2, 1)
    return wire
