"""The REST routes by which a person takes their tasks along and brings them in."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from pydantic_core import to_json

from app.http.rest.feeds import describe_names
from app.http.rest.requests import read_scalars
from app.http.rest.session import keep_out_of_caches
from app.http.rest.tasks import PROBLEMS, write_json
from app.http.routes import PlainRoute
from app.http.sse import Follower, frame_event, send_items, stream_frames
from app.identity import identify_rest
from app.problems import HttpRefusal, status_of
from app.storage.store import DatabaseStore
from app.transfer import Progress, export_person, import_file
from todo.errors import TodoError
from todo.record.scopes import WRITE

_IN_MEMORY = 4 << 20
_CHUNK = 1 << 16
_BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}


def build_transfer_routes(store: DatabaseStore) -> APIRouter:
    """Return the routes on a store."""
    router = APIRouter(route_class=PlainRoute, responses=PROBLEMS)

    @router.get("/export", operation_id="export_tasks")
    async def export_tasks(request: Request) -> Response:
        who = identify_rest(request)
        read_scalars(request)
        file: IO[bytes] = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # it is closed when it is sent
        try:
            await export_person(store, who, file)
        except BaseException:
            file.close()
            raise
        headers = {"Content-Disposition": 'attachment; filename="tasks.jsonl"'}
        response = StreamingResponse(_read(file), headers=headers, media_type="application/jsonl")
        return keep_out_of_caches(response)

    names = describe_names("format", "apply")
    running = Running()

    @router.post("/import", operation_id="import_tasks", openapi_extra={**names, **_BODY})
    async def import_tasks(request: Request) -> Response:
        who = identify_rest(request, WRITE)
        query = read_scalars(request, "format", "apply")
        if query.get("apply", "false") not in ("true", "false"):
            raise HttpRefusal(422, "invalid_arguments", "apply is true or false.")
        content = await request.body()
        apply = query.get("apply") == "true"

        async def bring(progress: Progress) -> dict[str, Any]:
            return await import_file(store, who, content, query.get("format"), apply=apply, progress=progress)

        if "text/event-stream" not in request.headers.get("accept", ""):
            return write_json(await bring(lambda _done, _of: None))
        steps = Follower(running.follow(bring))
        # A file that cannot be read is refused before anything is sent.
        return stream_frames(send_items(await steps.next(None), steps, _write_step))

    return router


Step = tuple[str, dict[str, Any]]
"""What is said of an import under way: `progress` with `{done, of}`, then `done` with its answer, or `error`."""


@dataclass(slots=True)
class Running:
    """The imports under way; each goes on to its end, also when the one who waits for it has gone."""

    _tasks: set[asyncio.Task[dict[str, Any]]] = field(default_factory=set)

    async def follow(self, bring: Callable[[Progress], Coroutine[Any, Any, dict[str, Any]]]) -> AsyncIterator[Step]:
        """Begin an import and yield its steps; raises what it raises before the first one."""
        steps: asyncio.Queue[Step | None] = asyncio.Queue()
        task = asyncio.create_task(bring(lambda done, of: steps.put_nowait(("progress", {"done": done, "of": of}))))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: steps.put_nowait(None))
        has_begun = False
        while (step := await steps.get()) is not None:
            has_begun = True
            yield step
        try:
            yield "done", task.result()
        except TodoError as error:
            if not has_begun:
                raise
            yield "error", {"code": error.code, "detail": error.text, "status": status_of(error.code)}


def _write_step(step: Step) -> Iterator[bytes]:
    name, data = step
    yield frame_event(to_json(data), event=name)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while part := file.read(_CHUNK):
            yield part
