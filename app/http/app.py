"""The HTTP application of a service: every surface and Dapr's routes on one port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp

from agent.conversation import Conversation
from agent.messages import ChatModel
from app.access.strangers import Strangers, read_networks
from app.assistant import build_conversation
from app.dapr.bindings import build_binding_routes
from app.dapr.port import SidecarPort
from app.dapr.routes import AppToken, Reception, add_dapr_routes
from app.http.api_page import build_api_page
from app.http.authorization import build_authorization_routes
from app.http.chat import build_chat_routes
from app.http.edge import MCP_PATH, SMALL_BODY, Branch, Edge
from app.http.forms.action import build_action_routes
from app.http.forms.confirmation import build_confirm_routes
from app.http.forms.consent import build_consent_routes
from app.http.forms.mailbox import build_mailbox_routes
from app.http.gate import Gate, LocalGate
from app.http.health import add_health_routes
from app.http.login import build_login_routes
from app.http.metrics import MetricsPort, RequestWatch, build_metrics_routes
from app.http.openai_api import build_openai_routes
from app.http.page import build_page_routes
from app.http.resource_metadata import build_metadata_routes
from app.http.rest.calendars import build_calendar_feed, build_calendar_routes
from app.http.rest.channels import build_channel_routes
from app.http.rest.connections import build_connection_routes
from app.http.rest.description import DescribedApp
from app.http.rest.feeds import Streams, build_feed_routes
from app.http.rest.lists import build_list_routes
from app.http.rest.people import build_people_routes, build_token_routes
from app.http.rest.recurring import build_recurring_routes
from app.http.rest.safety import build_safety_routes
from app.http.rest.session import Sessions, build_session_routes
from app.http.rest.tasks import build_task_routes
from app.http.rest.transfer import build_transfer_routes
from app.http.rest.typed_line import build_line_routes
from app.http.stream_limit import MOST_A_PERSON, MOST_A_TOKEN, MOST_ALONE, StreamLimit
from app.identity import identify_http_agent
from app.origins import LOOPBACK, Origins, name_host, read_origin
from app.problems import install_problems
from app.service import Service, read_version
from app.settings import Settings
from app.system import draw_secret
from app.watch.refusals import RefusalLog

DESCRIPTION = (
    "Tasks, reminders and recurring tasks: every change is saved once, published once, and reacted to the same from "
    "everywhere."
)


def build_app(service: Service, *, background: bool = True, models: dict[str, ChatModel] | None = None) -> FastAPI:
    """Return the HTTP application: the page at `/`, REST and chat under `/api`, OpenAI's shapes under `/v1`,
    MCP at `/mcp`, and Dapr's routes and health at the root.

    The role `worker` has only Dapr's routes and health, the role `api` everything except background work. With
    `background=False` the caller steps relay, deliveries and scheduler. `models` replace those of the settings.
    """
    role = service.settings.role
    streams = Streams()
    service.feed_wakeup.listeners.append(streams.wake)
    mcp = service.build_mcp(identify_http_agent)
    conversation = build_conversation(service, models)
    mcp_app = mcp.streamable_http_app(
        json_response=True,
        stateless_http=True,
        max_request_body_size=SMALL_BODY,
        # The edge around all surfaces has checked host and origin.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )

    def end_streams() -> None:
        streams.close()
        conversation.stop_all()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with (
            mcp.session_manager.run(),
            service.publish_updates(),
        ):
            if background:
                service.background.start(leading=role != "api")
            if service.sidecar is not None and role != "api":
                await service.sidecar.check_routes(app)
            try:
                yield
            finally:
                end_streams()
                await conversation.close()
                if background:
                    await service.background.stop()

    app = DescribedApp(
        title="Evolution Todo",
        description=DESCRIPTION,
        version=read_version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # Its own spans hold paths and queries, and with them secrets and people's words.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.asks_who = service.door is not None
    app.state.end_streams = end_streams
    install_problems(app)
    if role != "worker":
        _add_surfaces(app, service, streams, conversation)
    app.include_router(build_binding_routes(service.store))
    if service.sidecar is not None and role != "api":
        # A reaction creates work for channels alone, so it wakes the watchers and the sender. Measured on a busy
        # machine, 100 changes/s on PostgreSQL: commit to a consumer's handler p50 84 ms with all loops woken, 21 ms
        # with the watchers alone.
        def on_reaction() -> None:
            service.feed_wakeup.notify()
            service.sender.wake()

        consumers = tuple(service.broker.consumers)
        reception = Reception(service.database, consumers, service.store.clock, on_reaction)
        add_dapr_routes(app, reception, service.sidecar.pubsub, service.sidecar.style)
    add_health_routes(app, service)
    app.include_router(build_metrics_routes(service))

    _add_middleware(app, service, mcp_app)
    return app


def _add_middleware(app: FastAPI, service: Service, mcp_app: ASGIApp) -> None:
    """Wrap an app, from the inside out: MCP's branch, Dapr's token, streams, the gate that asks who calls, the edge,
    and the ports of the sidecar and of the metrics where they have one."""
    settings = service.settings
    if settings.role != "worker":
        app.add_middleware(Branch, path=MCP_PATH, branch=mcp_app)
    if settings.app_api_token or settings.auth == "token":
        app.add_middleware(AppToken, token=settings.app_api_token)
    alone = service.door is None
    most = (MOST_ALONE, MOST_ALONE) if alone else (MOST_A_TOKEN, MOST_A_PERSON)
    app.add_middleware(StreamLimit, most_a_token=most[0], most_a_person=most[1])
    if service.tracing.trace is not None:
        # Inside the gate: strangers cause no spans.
        app.add_middleware(service.tracing.follow_requests)
    if service.door is None or service.meter is None:
        app.add_middleware(LocalGate)
    else:
        strangers = Strangers(service.store.clock, read_networks(settings.proxies))
        app.add_middleware(Gate, door=service.door, meter=service.meter, strangers=strangers, url=settings.url)
    app.add_middleware(Edge, origins=_list_origins(settings))
    refusals = RefusalLog(service.store.clock) if settings.log == "json" else None
    app.add_middleware(RequestWatch, metrics=service.metrics, refusals=refusals)
    if settings.events_port is not None:
        app.add_middleware(SidecarPort, port=settings.events_port)
    if settings.metrics_port is not None:
        app.add_middleware(MetricsPort, port=settings.metrics_port, service=service)


def _add_surfaces(app: FastAPI, service: Service, streams: Streams, conversation: Conversation) -> None:
    """Add the routes for people and their programs."""
    store = service.store
    app.include_router(build_task_routes(store), prefix="/api", tags=["tasks"])
    app.include_router(build_list_routes(store), prefix="/api", tags=["lists"])
    app.include_router(build_recurring_routes(store), prefix="/api", tags=["recurring tasks"])
    app.include_router(build_line_routes(store), prefix="/api", tags=["tasks"])
    app.include_router(build_feed_routes(store, streams), prefix="/api", tags=["feeds"])
    app.include_router(build_safety_routes(store), prefix="/api", tags=["safety"])
    app.include_router(build_chat_routes(store, conversation), prefix="/api", tags=["chat"])
    app.include_router(build_openai_routes(conversation, store.clock), prefix="/v1", tags=["chat"])
    app.include_router(build_session_routes(service, draw_secret), prefix="/api", tags=["people"])
    app.include_router(build_token_routes(service, draw_secret), prefix="/api", tags=["people"])
    app.include_router(build_people_routes(service, draw_secret), prefix="/api", tags=["people"])
    app.include_router(build_connection_routes(service), prefix="/api", tags=["people"])
    app.include_router(build_channel_routes(service, draw_secret), prefix="/api", tags=["channels"])
    app.include_router(build_calendar_routes(service, draw_secret), prefix="/api", tags=["calendars"])
    app.include_router(build_transfer_routes(store), prefix="/api", tags=["in and out"])
    app.include_router(build_calendar_feed(service))
    if service.door is not None:
        app.include_router(build_metadata_routes(service.settings))
    if service.door is not None and service.login is not None:
        sessions = Sessions(service, service.door, draw_secret)
        app.include_router(build_login_routes(service.login, sessions, service.settings.url, draw_secret))
    if service.authority is not None:
        app.include_router(build_authorization_routes(service.authority, read_networks(service.settings.proxies)))
        app.include_router(build_consent_routes(service.authority))
    app.include_router(build_confirm_routes(store, service.settings.url))
    app.include_router(build_action_routes(service))
    app.include_router(build_mailbox_routes(service))
    app.include_router(build_page_routes())
    app.include_router(build_api_page(app.openapi))


def _list_origins(settings: Settings) -> Origins:
    hosts = LOOPBACK | {name_host(settings.url)}
    others = (read_origin(each) for each in settings.origins)
    public = read_origin(settings.public_url) if settings.public_url else None
    return Origins(hosts, public, frozenset(each for each in others if each is not None))
