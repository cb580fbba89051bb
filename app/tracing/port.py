"""How a service is traced: what the composition root wraps; without traces every part stays as it is."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager

from starlette.types import ASGIApp

from agent.messages import ChatModel
from app.channels.carrier import Carrier
from events.consumer import Consumer
from events.ports import Publisher

WatchCall = Callable[[str, str], AbstractContextManager[None]]
WatchWrite = Callable[[], AbstractContextManager[None]]
FindCarrier = Callable[[str], Awaitable[Carrier | None]]


class Tracing:
    """Traces nothing and costs nothing: what it is given it gives back."""

    trace: Callable[[], str | None] | None = None
    """Returns the `traceparent` of what runs now; None where nothing is traced."""

    def follow_calls(self, watch: WatchCall) -> WatchCall:
        """Return how calls are watched."""
        return watch

    def follow_writes(self, watch: WatchWrite) -> WatchWrite:
        """Return how writes are watched."""
        return watch

    def follow_publisher(self, publisher: Publisher) -> Publisher:
        """Return what publishes events."""
        return publisher

    def follow_consumers(self, consumers: Sequence[Consumer]) -> Sequence[Consumer]:
        """Return what reacts to events."""
        return consumers

    def follow_carriers(self, find: FindCarrier) -> FindCarrier:
        """Return how the carrier of a kind of channel is found."""
        return find

    def follow_model(self, model: ChatModel) -> ChatModel:
        """Return a model."""
        return model

    def follow_requests(self, app: ASGIApp) -> ASGIApp:
        """Return an application whose requests belong to the traces that they name."""
        return app

    async def close(self) -> None:
        """Hand over what is left."""
