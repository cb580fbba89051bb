"""The stdio process of one MCP client: the same tools on the same database, and the background work if it is free."""

from app.http.server import calm_collector
from app.identity import StdioIdentity
from app.service import open_service
from app.settings import Settings
from app.system import SystemIds
from tools.stdio import serve_lines


async def serve_stdio(settings: Settings) -> None:
    """Serve MCP on standard input and output until the client closes them."""
    async with open_service(settings) as service:
        server = service.build_mcp(StdioIdentity(SystemIds().new()))
        service.background.start()
        calm_collector()
        try:
            async with service.publish_updates():
                await serve_lines(server)
        finally:
            await service.background.stop()
