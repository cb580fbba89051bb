"""The server process: its port, HTTP server and banner."""

import asyncio
import errno
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from rich.console import Console

from agent.messages import ChatModel
from app.access.strangers import read_networks
from app.http.app import build_app
from app.http.protocol import GuardedProtocol, Places, guard_connections
from app.runtime import calm_collector, raise_file_limit
from app.service import Service, open_service
from app.settings import Settings
from app.storage.wakeup import wait_until
from events.ports import Clock

KEEP_ALIVE_SECONDS = 75
"""How long an unused connection stays open: longer than the pools of clients and proxies keep theirs (5 to 60 s)."""
MOST_CONNECTIONS = 100
"""The most connections of one address; a trusted proxy has no such bound."""


class PortTaken(Exception):
    """The port cannot be listened on, most often because another process does already; the message says what to do."""


async def serve(settings: Settings) -> None:
    """Serve until a signal ends it; raises `PortTaken`."""
    listeners = bind_all(settings)
    async with open_service(settings) as service:
        server = build_server(service)
        show_banner(settings, service)
        calm_collector()
        await server.serve(listeners)


@asynccontextmanager
async def serve_aside(settings: Settings, clock: Clock | None = None) -> AsyncIterator[tuple[str, Service]]:
    """Serve beside other work in this event loop; yields (address, service)."""
    listeners = bind_all(settings)
    async with open_service(settings, clock) as service:
        server = build_server(service)
        # The owner of this loop keeps its signal handlers.
        serving = asyncio.create_task(server._serve(listeners))  # noqa: SLF001  # serve() installs signal handlers
        try:
            while not server.started:
                if serving.done():
                    serving.result()
                await asyncio.sleep(0.01)
            yield f"http://{settings.host}:{listeners[0].getsockname()[1]}", service
        finally:
            server.end()
            await serving


class QuietServer(uvicorn.Server):
    """An HTTP server that checks for its end twice a second instead of ten times, so that idling costs little.

    It ends the open event streams itself: uvicorn waits for all responses to end before it shuts the application down.
    """

    def __init__(
        self, config: uvicorn.Config, protocol: type[GuardedProtocol], end_streams: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._protocol = protocol
        self._end_streams = end_streams
        self._asked = asyncio.Event()

    async def main_loop(self) -> None:
        """Run until asked to end; each check also renews the Date header."""
        while not await self.on_tick(0):
            # A signal handler can only set the flag, not the event.
            await wait_until(self._asked, 0.5)

    def end(self) -> None:
        """Ask the server to end now."""
        self.should_exit = True
        self._asked.set()

    def end_arrivals(self) -> None:
        """Close each connection that still comes: uvicorn asks only those to end that it knows by now."""
        self._protocol.is_ending = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything else; after SIGTERM the process ends well, with exit code 0."""
        self._captured_signals = [each for each in self._captured_signals if each != signal.SIGTERM]
        self.end_arrivals()
        self._end_streams()
        await super().shutdown(sockets)
        # What was accepted at the last moment is made in the loop's next turns. What still is there after uvicorn has
        # waited, such as an answer that its reader leaves in the buffer, is let go: the loop ends now.
        for _ in range(5):
            await asyncio.sleep(0)
            for connection in self.server_state.connections:
                connection.transport.abort()


def build_server(service: Service, models: dict[str, ChatModel] | None = None) -> QuietServer:
    """Return the HTTP server of a service; `models` replace those of the settings."""
    app = build_app(service, models=models)
    # Several people come from several machines; one person's programs on this machine may be many.
    protocol = guard_connections(Places() if service.door is None else _bound_connections(service.settings))
    config = uvicorn.Config(
        app,
        http=protocol,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=3,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        server_header=False,
    )
    return QuietServer(config, protocol, app.state.end_streams)


def _bound_connections(settings: Settings) -> Places:
    """Return the bounds for several people; a tenth of the files stays for what the service opens itself.

    With all of them taken the loop could accept no connection at all, and stand still for a second at each attempt.
    """
    return Places(MOST_CONNECTIONS, raise_file_limit() * 9 // 10, read_networks(settings.proxies))


def bind_all(settings: Settings) -> list[socket.socket]:
    """Return the listening sockets: for everybody, then for the sidecar and the metrics where these have ports.

    Raises `PortTaken`.
    """
    wanted = [(settings.host, settings.port, "TODO_PORT")]
    if settings.events_port is not None:
        wanted.append((settings.events_host, settings.events_port, "TODO_EVENTS_PORT"))
    if settings.metrics_port is not None:
        wanted.append((settings.metrics_host, settings.metrics_port, "TODO_METRICS_PORT"))
    listeners: list[socket.socket] = []
    try:
        for host, port, setting in wanted:
            listeners.append(bind(host, port, setting))
    except PortTaken:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def bind(host: str, port: int, setting: str = "TODO_PORT") -> socket.socket:
    """Return a listening socket; raises `PortTaken`, which names the setting of the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With protocol 0 the loop does not see a TCP socket and leaves Nagle's algorithm on.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise PortTaken(_say_why(error, host, port, setting)) from None
    listener.setblocking(False)
    return listener


def _say_why(error: OSError, host: str, port: int, setting: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken, perhaps by another `serve`. End that one, or set {setting}."
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used by this user. Set {setting} to one above 1023."
    address = setting.replace("PORT", "HOST")
    return f"{host} cannot be listened on: it is not an address of this machine. Set {address} to one, such as 0.0.0.0."


def show_banner(settings: Settings, service: Service) -> None:
    """Print the addresses and the data's place on standard error."""
    url = settings.url
    # Lines to copy stay whole at every width.
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold]Evolution Todo[/bold]  {url}")
    if settings.role == "worker":
        console.print(f"  worker: relay, scheduler and event handlers        health   {url}/readyz")
        console.print(f"  data   {service.settings.database_place}")
        return
    console.print(f"  REST   {url}/docs        MCP   {url}/mcp        health   {url}/readyz")
    console.print(f"  data   {service.settings.database_place}   zone {settings.zone}")
    if service.door is not None:
        console.print(
            "  people sign in; `person add NAME` invites, tokens are on the page under me or by `token create`"
        )
    console.print('  IDE    {"mcpServers": {"evolution-todo": {"url": "' + url + '/mcp"}}}', markup=False)
    console.print(f"  chat   {say_model(settings)}; OpenAI's shapes at {url}/v1")


def say_model(settings: Settings) -> str:
    """Return in words which model answers."""
    if settings.model:
        return f"{settings.model} at {settings.openai_base_url or 'OpenAI'}"
    unused = " (OPENAI_API_KEY is set: TODO_MODEL would use it)" if settings.openai_api_key else ""
    return f"built-in commands, no model is set{unused}"
