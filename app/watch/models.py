"""A model that is counted and timed; nothing of what is said is kept."""

from collections.abc import AsyncIterator
from time import perf_counter

from agent.messages import ChatModel, Finished, ModelFailed, ModelRequest, Piece
from app.watch.metrics import Metrics


class WatchedModel:
    """A model, with its requests counted by outcome."""

    def __init__(self, model: ChatModel, metrics: Metrics) -> None:
        self._model = model
        self._metrics = metrics

    @property
    def name(self) -> str:
        """The model's id."""
        return self._model.name

    async def answer(self, request: ModelRequest) -> AsyncIterator[Piece]:
        """Yield the model's answer."""
        began, outcome = perf_counter(), "stopped"
        pieces = self._model.answer(request)
        try:
            async for piece in pieces:
                if isinstance(piece, Finished):
                    self._metrics.model_tokens.labels(self.name, "in").inc(piece.input_tokens)
                    self._metrics.model_tokens.labels(self.name, "out").inc(piece.output_tokens)
                    outcome = "ok"
                yield piece
        except ModelFailed as error:
            outcome = error.code
            raise
        finally:
            # A stream that is stopped is closed at once, and with it the connection to the server.
            if (close := getattr(pieces, "aclose", None)) is not None:
                await close()
            self._metrics.model_calls.labels(self.name, outcome).inc()
            self._metrics.model_seconds.labels(self.name).observe(perf_counter() - began)
