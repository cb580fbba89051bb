"""The chat over HTTP: messages answered as JSON or as a stream of events; kept conversations."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic_core import to_json

from agent import conversations as kept
from agent.conversation import Conversation
from agent.turn_events import Begun, CallFinished, CallStarted, ConfirmationWanted, Done, Failed, Text, TurnEvent
from app.http.rest.description import describe_body
from app.http.rest.feeds import describe_names, read_limit
from app.http.rest.requests import read_body, read_scalars
from app.http.rest.tasks import PROBLEMS, write_json
from app.http.routes import PlainRoute
from app.http.sse import Follower, frame_event, send_items, stream_frames
from app.identity import identify_chat
from app.problems import HttpRefusal, status_of, write_problem
from todo.record.work import Store

_FIELDS = ("message", "conversation_id", "model")
_NAMES: dict[type[TurnEvent], str] = {
    Begun: "conversation",
    Text: "text",
    CallStarted: "tool_started",
    CallFinished: "tool_finished",
    ConfirmationWanted: "confirmation",
    Done: "done",
    Failed: "error",
}
"""The turn events under the names that the stream gives them."""


def build_chat_routes(store: Store, conversation: Conversation) -> APIRouter:
    """Return the routes on a conversation."""
    router = APIRouter(route_class=PlainRoute, responses=PROBLEMS)

    body = describe_body({name: {"type": ["string", "null"]} for name in _FIELDS}, "message")

    @router.post("/chat", operation_id="chat", openapi_extra=body)
    async def chat(request: Request) -> Response:
        body = await read_body(request)
        for name in body:
            if name not in _FIELDS or not isinstance(body[name], str | None):
                raise HttpRefusal(
                    422, "invalid_arguments", f"A chat takes these texts: {', '.join(_FIELDS)}. Send no others."
                )
        if body.get("message") is None:
            raise HttpRefusal(422, "invalid_arguments", 'message is missing. Send {"message": "add buy milk"}.')
        key = request.headers.get("idempotency-key")
        if key is not None and not 0 < len(key) <= 255:
            raise HttpRefusal(422, "invalid_arguments", "Idempotency-Key takes 1 to 255 characters.")
        events = Follower(
            conversation.reply(
                identify_chat(request),
                body["message"],
                conversation_id=body.get("conversation_id"),
                message_key=key,
                model=body.get("model"),
            )
        )
        begun = await events.next(None)
        assert isinstance(begun, Begun)  # noqa: S101  # a refusal raises
        if "text/event-stream" in request.headers.get("accept", ""):
            return stream_frames(send_items(begun, events, _write_frames))
        return await _answer(begun, events)

    _add_conversation_routes(router, store, conversation)
    return router


def _add_conversation_routes(router: APIRouter, store: Store, conversation: Conversation) -> None:
    @router.get("/conversations", operation_id="list_conversations", openapi_extra=describe_names("limit", "cursor"))
    async def list_conversations(request: Request) -> Response:
        query = read_scalars(request, "limit", "cursor")
        limit, cursor = read_limit(query.get("limit", "50")), query.get("cursor")
        who = identify_chat(request)
        return write_json(await store.read(who, lambda work: kept.list_conversations(work, limit, cursor)))

    @router.get("/conversations/{conversation_id}", operation_id="get_conversation")
    async def get_conversation(conversation_id: str, request: Request) -> Response:
        view = await store.read(identify_chat(request), lambda work: kept.read_conversation(work, conversation_id))
        return write_json(view)

    @router.delete("/conversations/{conversation_id}", operation_id="delete_conversation", status_code=204)
    async def delete_conversation(conversation_id: str, request: Request) -> Response:
        await store.write(identify_chat(request), lambda work: kept.delete_conversation(work, conversation_id))
        return Response(status_code=204)

    @router.post("/conversations/{conversation_id}/stop", operation_id="stop_conversation")
    async def stop_conversation(conversation_id: str, request: Request) -> Response:
        return write_json({"stopping": await conversation.stop_turn(identify_chat(request), conversation_id)})


def view_said(said: TurnEvent) -> dict[str, Any]:
    """Return an event's data for the stream; a failure has the fields of a problem."""
    if isinstance(said, Failed):
        return {
            "turn_id": said.turn_id,
            "code": said.code,
            "title": said.code.replace("_", " ").capitalize(),
            "detail": said.detail,
            "status": status_of(said.code),
        }
    return asdict(said)


def _write_frames(said: TurnEvent) -> Iterator[bytes]:
    yield frame_event(to_json(view_said(said)), event=_NAMES[type(said)])


async def _answer(begun: Begun, events: Follower[TurnEvent]) -> Response:
    answer: dict[str, Any] = {**asdict(begun), "text": "", "calls": []}
    arguments: dict[int, dict[str, Any]] = {}
    while True:
        try:
            said = await events.next(None)
        except StopAsyncIteration:
            return write_problem(500, "internal_error", "The turn ended without a word. It is logged.")
        if isinstance(said, CallStarted):
            arguments[said.call] = said.arguments
        elif isinstance(said, CallFinished):
            call = {"name": said.name, "arguments": arguments[said.call], "ok": said.ok, "result": said.result}
            answer["calls"].append(call)
        elif isinstance(said, ConfirmationWanted):
            answer["confirmation"] = asdict(said)
        elif isinstance(said, Text):
            answer["text"] += said.text
        elif isinstance(said, Done | Failed):
            return _end_answer(answer, said)


def _end_answer(answer: dict[str, Any], said: Done | Failed) -> Response:
    if isinstance(said, Failed):
        response = write_problem(status_of(said.code), said.code, said.detail, answer)
        if said.retry_after is not None:
            response.headers["Retry-After"] = str(max(1, round(said.retry_after)))
        return response
    answer |= {"text": said.text, "finish": said.finish}
    if said.input_tokens or said.output_tokens:
        answer["usage"] = {"input_tokens": said.input_tokens, "output_tokens": said.output_tokens}
    return write_json(answer)
