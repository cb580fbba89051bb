"""The stdio process of one MCP client: the same tools on the same database, and the background work if it is free."""

import asyncio
from dataclasses import replace

from app.access.door import TRUSTED_FOR, admit_program
from app.http.server import calm_collector
from app.identity import StdioIdentity
from app.service import Service, open_service
from app.settings import Settings
from app.system import SystemIds
from tools.stdio import serve_lines


async def serve_stdio(settings: Settings) -> None:
    """Serve MCP on standard input and output until the client closes them; raises `Unauthenticated`.

    Once its token has ended, every call is refused: the client holds the process, so it cannot just go away.
    """
    async with open_service(settings) as service:
        identity = StdioIdentity(SystemIds().new(), await admit_program(service.door, settings.token))
        server = service.build_mcp(identity)
        service.background.start()
        calm_collector()
        watch = asyncio.create_task(_watch(service, settings.token or "", identity), name="token")
        try:
            async with service.publish_updates():
                await serve_lines(server)
        finally:
            watch.cancel()
            await service.background.stop()


async def _watch(service: Service, secret: str, identity: StdioIdentity) -> None:
    """Take the caller's rights away within a second of their credential's end."""
    while service.door is not None:
        await asyncio.sleep(TRUSTED_FOR.total_seconds())
        caller = await service.door.admit(secret)
        identity.caller = replace(identity.caller, scopes=caller.scopes if caller else frozenset())
