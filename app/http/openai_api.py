"""The chat in the shapes of OpenAI's Chat Completions."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic_core import from_json, to_json

from agent.conversation import Conversation
from agent.messages import Message
from agent.turn_events import Begun, Done, Failed, Text, TurnEvent
from app.assistant import OFFLINE
from app.http.rest.description import TEXT, describe_body
from app.http.routes import PlainRoute
from app.http.sse import Follower, frame_event, send_items, stream_frames
from app.identity import identify_chat
from app.problems import status_of, write_wire_error
from events.ports import Clock
from todo.errors import TodoError

CHAT_HEADERS = ("x-openwebui-chat-id", "x-chat-id", "x-conversation-id")
"""Headers that name a client's conversation: Open WebUI, its gateways, LibreChat."""
MESSAGE_HEADERS = ("x-openwebui-user-message-id", "idempotency-key")
TASK_HEADER = "x-openwebui-task"
UTILITY = "### Task:"
"""The beginning of Open WebUI's messages that ask for titles, tags and follow-ups."""
FIRST_WAIT_SECONDS = 1.0
"""How long a stream waits for its first word, so that the status can report an unavailable model."""
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")


_BODY = describe_body(
    {
        "model": TEXT,
        "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
        "stream": {"type": ["boolean", "null"]},
    },
    "model",
    "messages",
    is_open=True,
)
"""What is read of a request; clients send more."""


class WireError(Exception):
    """A refusal in OpenAI's shape."""

    def __init__(self, status: int, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """The used part of a request; sampling, tools and system messages of clients are ignored."""

    model: str
    said: list[Message]
    stream: bool
    usage: bool


def build_openai_routes(conversation: Conversation, clock: Clock) -> APIRouter:
    """Return the routes under `/v1`."""
    router = APIRouter(route_class=PlainRoute)
    models = {name: _view_model(name) for name in conversation.models}

    @router.get("/models", operation_id="list_models")
    async def list_models() -> Response:
        return JSONResponse({"object": "list", "data": list(models.values())})

    @router.get("/models/{model}", operation_id="get_model")
    async def get_model(model: str) -> Response:
        if model not in models:
            return write_error(WireError(404, "model_not_found", f"There are: {', '.join(models)}.", "model"))
        return JSONResponse(models[model])

    @router.post("/chat/completions", operation_id="create_chat_completion", openapi_extra=_BODY)
    async def complete(request: Request) -> Response:
        events: Follower[TurnEvent] | None = None
        try:
            asked = read_request(await request.body())
            events = Follower(_reply(conversation, request, asked))
            begun = await events.next(None)
            assert isinstance(begun, Begun)  # noqa: S101  # a refusal raises
            head = {"id": f"chatcmpl-{begun.turn_id}", "created": int(clock.now().timestamp()), "model": begun.model}
            if not asked.stream:
                return await _complete(head, events)
            first = await _await_first(events)
        except WireError as error:
            return write_error(error)
        except TodoError as error:
            return write_error(WireError(status_of(error.code), error.code, error.text))
        if isinstance(first, Failed):
            return _refuse(first)
        opening = (_frame(head, {"role": "assistant", "content": ""}),)
        return stream_frames(send_items(first, events, partial(_write_frames, head, asked), opening))

    return router


def read_request(body: bytes) -> ChatRequest:
    """Parse a request; raises `WireError` 400 if it is invalid."""
    try:
        raw = from_json(body)
    except ValueError:
        raise WireError(400, "invalid_json", "The body is not valid JSON.") from None
    if not isinstance(raw, dict):
        raise WireError(400, "invalid_json", "A JSON object is wanted here.")
    model, messages, stream = raw.get("model"), raw.get("messages"), raw.get("stream") or False
    if not isinstance(model, str) or not model:
        raise WireError(400, "missing_model", "model is missing; GET /v1/models lists them.", "model")
    if not isinstance(messages, list) or not messages:
        raise WireError(400, "missing_messages", "messages is missing or empty.", "messages")
    if not isinstance(stream, bool):
        raise WireError(400, "invalid_stream", "stream is true or false.", "stream")
    if raw.get("n") not in (None, 1):
        raise WireError(400, "unsupported_n", "One answer is given to a request; leave n out.", "n")
    if _wants_form(raw.get("response_format")):
        detail = 'Answers are words for a person; leave response_format out, or send {"type": "text"}.'
        raise WireError(400, "unsupported_value", detail, "response_format")
    options = raw.get("stream_options")
    usage = isinstance(options, dict) and options.get("include_usage") is True
    return ChatRequest(model, _read_messages(messages), stream, usage)


def _wants_form(wish: Any) -> bool:
    return wish is not None and not (isinstance(wish, dict) and wish.get("type") == "text")


def write_error(error: WireError, retry_after: float | None = None) -> Response:
    """Return a refusal: `{"error": {message, type, param, code}}`."""
    response = write_wire_error(error.status, error.code, str(error), error.param)
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(retry_after)))
    return response


def _read_messages(raw: list[Any]) -> list[Message]:
    said: list[Message] = []
    for n, each in enumerate(raw):
        if not isinstance(each, dict) or each.get("role") not in _ROLES:
            raise WireError(400, "invalid_message", f"messages[{n}] has no role that is known.", f"messages[{n}].role")
        role = each["role"]
        text = _read_content(each.get("content"), n, last=n == len(raw) - 1)
        # A client's system message does not replace ours, and its tools are not ours.
        if role == "user" or (role == "assistant" and text):
            said.append(Message(role, text))
    if not said or said[-1].role != "user":
        raise WireError(400, "missing_message", "The last message has to be the person's.", "messages")
    return said


def _read_content(content: Any, n: int, *, last: bool) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        texts = [part.get("text") for part in content if part.get("type") in ("text", "input_text")]
        if last and len(texts) < len(content):
            where = f"messages[{n}].content"
            raise WireError(400, "unsupported_content", "Only text is read here; leave pictures and files out.", where)
        if all(isinstance(text, str) for text in texts):
            return "\n".join(text for text in texts if text)
    raise WireError(400, "invalid_message", f"messages[{n}].content is not text.", f"messages[{n}].content")


def _reply(conversation: Conversation, request: Request, asked: ChatRequest) -> AsyncIterator[TurnEvent]:
    """Choose the turn: a utility message without tools, a known conversation, or the sent messages alone."""
    who = identify_chat(request)
    headers = request.headers
    chat = next((headers[name] for name in CHAT_HEADERS if headers.get(name)), None)
    # By default Open WebUI sends the conversation's id with utility messages too, and no header that marks them.
    if headers.get(TASK_HEADER) or (len(asked.said) == 1 and _is_utility(asked.said[0])):
        return conversation.reply_once(who, asked.said, model=asked.model, with_tools=False)
    if chat is None:
        return conversation.reply_once(who, asked.said, model=asked.model)
    if len(chat) > 200 or not chat.isascii() or not chat.isprintable():
        raise WireError(400, "invalid_conversation", "The conversation's id is at most 200 plain characters.")
    key = next((headers[name] for name in MESSAGE_HEADERS if headers.get(name)), None)
    return conversation.reply(
        who,
        asked.said[-1].text,
        chat_key=chat,
        message_key=sha256(key.encode()).hexdigest() if key else _key_of(asked.said),
        model=asked.model,
    )


def _is_utility(message: Message) -> bool:
    return message.text.lstrip().startswith(UTILITY)


def _key_of(said: list[Message]) -> str | None:
    """Return a key of the last message and its history: a repeated request is the same message.

    Returns None without a history: the same words may then be a new message.
    """
    if len(said) == 1:
        return None
    return sha256(to_json([[each.role, each.text.strip()] for each in said])).hexdigest()


async def _await_first(events: Follower[TurnEvent]) -> TurnEvent | None:
    """Return the turn's first text or end; None if neither comes within `FIRST_WAIT_SECONDS`."""
    while True:
        said = await events.next(FIRST_WAIT_SECONDS)
        if said is None or isinstance(said, Text | Done | Failed):
            return said


async def _complete(head: dict[str, Any], events: Follower[TurnEvent]) -> Response:
    while True:
        said = await events.next(None)
        if isinstance(said, Failed):
            return _refuse(said)
        if isinstance(said, Done):
            message = {"role": "assistant", "content": said.text, "refusal": None}
            choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
            body = {**head, "object": "chat.completion", "choices": [choice], "usage": _count(said)}
            return JSONResponse(body)


def _write_frames(head: dict[str, Any], asked: ChatRequest, said: TurnEvent) -> Iterator[bytes]:
    if isinstance(said, Text):
        yield _frame(head, {"content": said.text})
    elif isinstance(said, Failed):
        error = {"message": said.detail, "type": "api_error", "param": None, "code": said.code}
        yield frame_event(to_json({"error": error}))
    elif isinstance(said, Done):
        yield _frame(head, {}, "stop")
        if asked.usage:
            body = {**head, "object": "chat.completion.chunk", "choices": [], "usage": _count(said)}
            yield frame_event(to_json(body))
        yield frame_event(b"[DONE]")


def _frame(head: dict[str, Any], delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return frame_event(to_json({**head, "object": "chat.completion.chunk", "choices": [choice]}))


def _count(done: Done) -> dict[str, int]:
    return {
        "prompt_tokens": done.input_tokens,
        "completion_tokens": done.output_tokens,
        "total_tokens": done.input_tokens + done.output_tokens,
    }


def _refuse(failed: Failed) -> Response:
    return write_error(WireError(status_of(failed.code), failed.code, failed.detail), failed.retry_after)


def _view_model(name: str) -> dict[str, Any]:
    owner = "built-in" if name == OFFLINE else "evolution-todo"
    return {"id": name, "object": "model", "created": 1_767_225_600, "owned_by": owner}
