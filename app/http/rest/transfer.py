"""The REST routes by which a person takes their tasks along and brings them in."""

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from app.http.rest.feeds import describe_names
from app.http.rest.requests import read_scalars, refuse_nul
from app.http.rest.session import keep_out_of_caches
from app.http.rest.tasks import PROBLEMS, write_json
from app.identity import identify_rest
from app.problems import HttpRefusal
from app.storage.store import DatabaseStore
from app.transfer import export_person, import_file
from todo.record.scopes import WRITE

_IN_MEMORY = 4 << 20
_CHUNK = 1 << 16
_BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}


def build_transfer_routes(store: DatabaseStore) -> APIRouter:
    """Return the routes on a store."""
    router = APIRouter(responses=PROBLEMS, dependencies=[Depends(refuse_nul)])

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

    @router.post("/import", operation_id="import_tasks", openapi_extra={**names, **_BODY})
    async def import_tasks(request: Request) -> Response:
        who = identify_rest(request, WRITE)
        query = read_scalars(request, "format", "apply")
        if query.get("apply", "false") not in ("true", "false"):
            raise HttpRefusal(422, "invalid_arguments", "apply is true or false.")
        content = await request.body()
        apply = query.get("apply") == "true"
        return write_json(await import_file(store, who, content, query.get("format"), apply=apply))

    return router


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while part := file.read(_CHUNK):
            yield part
