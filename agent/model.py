"""The language model behind any server with OpenAI's Chat Completions API, streamed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import openai

from agent.messages import Finished, Message, ModelFailed, ModelRequest, Piece, TextPiece, Tool, ToolCall

CONNECT_SECONDS = 5.0
STALL_SECONDS = 30.0
"""How long a server may send nothing; one that loads the model's weights first needs a while."""
RETRIES = 1
_LONGEST_WAIT = 120.0
_REASONS = ("stop", "tool_calls", "length", "content_filter")


@dataclass(slots=True)
class _StreamedCall:
    """A call as far as its pieces have arrived."""

    call_id: str = ""
    name: str = ""
    arguments: str = ""


class OpenAIModel:
    """A `ChatModel` behind an OpenAI-compatible address.

    Without an API key it sends a placeholder, which local servers ignore. `name` is the id that people see, `model` the
    server's own name.
    """

    def __init__(
        self,
        name: str,
        model: str,
        base_url: str | None,
        api_key: str | None,
        http_client: httpx2.AsyncClient | None = None,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._name = name
        self._model = model
        self._client = openai.AsyncOpenAI(
            api_key=api_key or "none",
            base_url=base_url or "https://api.openai.com/v1",
            timeout=httpx2.Timeout(stall_seconds, connect=CONNECT_SECONDS),
            max_retries=RETRIES,
            http_client=http_client,
        )

    @property
    def name(self) -> str:
        """The model's id, as people and clients see it."""
        return self._name

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def list_models(self) -> list[str]:
        """Return the ids of the server's models; raises `ModelFailed`."""
        try:
            return [model.id async for model in self._client.models.list()]
        except Exception as error:
            raise _describe_failure(error) from error

    async def answer(self, request: ModelRequest, *, force_tool: str | None = None) -> AsyncIterator[Piece]:
        """Yield the answer piece by piece, `Finished` last; raises `ModelFailed`.

        The library retries a request only before the first byte of the answer. A stream without a `finish_reason`
        yields no `Finished`: none of its calls may be carried out.
        """
        calls: dict[int, _StreamedCall] = {}
        reason: str | None = None
        tokens = (0, 0)
        try:
            stream = await self._client.chat.completions.create(**self._write_request(request, force_tool))
            async with stream:
                async for chunk in stream:
                    if chunk.usage is not None:
                        tokens = (chunk.usage.prompt_tokens or 0, chunk.usage.completion_tokens or 0)
                    if not chunk.choices:
                        continue
                    choice = chunk.choices[0]
                    _gather_calls(calls, choice.delta)
                    reason = choice.finish_reason or reason
                    if choice.delta is not None and choice.delta.content:
                        yield TextPiece(choice.delta.content)
        except ModelFailed:
            raise
        except Exception as error:
            raise _describe_failure(error) from error
        if reason is None:
            return
        made = tuple(ToolCall(call.call_id, call.name, call.arguments) for _, call in sorted(calls.items()))
        # Some servers send "stop" after calls, or a reason that the API does not define.
        known = reason if reason in _REASONS else "stop"
        yield Finished(made, known, *tokens)  # type: ignore[arg-type]  # one of _REASONS

    def _write_request(self, request: ModelRequest, force_tool: str | None) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": "system", "content": request.system}, *map(_write_message, request.messages)],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.tools:
            body["tools"] = [_write_tool(tool) for tool in request.tools]
        if force_tool is not None:
            body["tool_choice"] = {"type": "function", "function": {"name": force_tool}}
        return body


def _write_message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        # A plain string: some servers refuse a list of parts here.
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    written: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.calls:
        written["tool_calls"] = [
            {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.calls
        ]
    return written


def _write_tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
    return {"type": "function", "function": function}


def _gather_calls(calls: dict[int, _StreamedCall], delta: Any) -> None:
    """Merge the pieces of calls; tolerates a missing index, one index for several ids, and a repeated name."""
    for piece in (delta.tool_calls if delta is not None else None) or []:
        index = piece.index if piece.index is not None else len(calls)
        call = calls.get(index)
        if call is not None and piece.id and call.call_id and piece.id != call.call_id:
            index = max(calls) + 1
            call = None
        if call is None:
            call = calls[index] = _StreamedCall()
        call.call_id = call.call_id or piece.id or ""
        if piece.function is not None:
            if (name := piece.function.name or "") != call.name:  # llama-cpp-python repeats it in each piece
                call.name += name
            call.arguments += piece.function.arguments or ""


def _describe_failure(error: Exception) -> ModelFailed:
    """Return the `ModelFailed` for an error of the request; the server's own message stays in the log."""
    again = "Nothing of this step was carried out; say it again."
    if isinstance(error, openai.RateLimitError):
        wait = _read_wait(error)
        soon = f"Wait {wait:g} seconds and say it again." if wait else "Wait a little and say it again."
        return ModelFailed("model_rate_limited", "The model is asked too often.", soon, wait)
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return ModelFailed("model_refused_key", "The model's server refuses the key.", "Check OPENAI_API_KEY.")
    if isinstance(error, openai.NotFoundError):
        return ModelFailed("model_unknown", "The model's server does not know this model.", "Check TODO_MODEL.")
    if isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError):
        return ModelFailed(
            "model_refused", "The model's server refuses the request.", "Run `evolution-todo doctor`; it says more."
        )
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
        return ModelFailed("model_stalled", "The model stopped answering.", again)
    if isinstance(error, openai.APIConnectionError | httpx2.TransportError):
        return ModelFailed(
            "model_unavailable", "The model cannot be reached.", "Check OPENAI_BASE_URL; then try again."
        )
    if isinstance(error, openai.InternalServerError):
        return ModelFailed("model_unavailable", "The model's server has a fault.", again)
    return ModelFailed("model_nonsense", "The model's server answered what cannot be read.", again)


def _read_wait(error: openai.RateLimitError) -> float | None:
    try:
        wait = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return min(wait, _LONGEST_WAIT) if wait > 0 else None
