"""The page that people see, and its parts: plain files of this package, sent compressed and under a strict policy."""

import gzip
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.problems import HttpRefusal

FOLDER = Path(__file__).parents[1] / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page of ours may load and do: its own parts, nothing inline and nothing foreign."""
SAFETY = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


def build_page_routes() -> APIRouter:
    """Return the page at `/` and its parts under `/page`; a part that is unchanged is not sent again."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def show_page(request: Request) -> Response:
        return _send("index.html", request)

    @router.api_route("/page/{name}", methods=["GET", "HEAD"])
    async def send_part(name: str, request: Request) -> Response:
        return _send(name, request)

    return router


def list_parts() -> list[str]:
    """Return the names of all files that the page consists of."""
    return sorted(path.name for path in FOLDER.iterdir() if path.suffix in _TYPES)


@lru_cache(64)
def compress_part(name: str, _changed: int) -> tuple[bytes, bytes, str]:
    """Return a part plain and compressed, and its entity tag."""
    plain = (FOLDER / name).read_bytes()
    return plain, gzip.compress(plain, 9, mtime=0), f'"{sha256(plain).hexdigest()[:20]}"'


def _send(name: str, request: Request) -> Response:
    path = FOLDER / name
    if path.suffix not in _TYPES or name != path.name or not path.is_file():
        raise HttpRefusal(404, "not_found", "There is no such part of the page.")
    plain, small, tag = compress_part(name, path.stat().st_mtime_ns)
    headers = {**SAFETY, "ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    body = plain
    if "gzip" in request.headers.get("accept-encoding", ""):
        body, headers = small, {**headers, "Content-Encoding": "gzip"}
    return Response(body, headers=headers, media_type=_TYPES[path.suffix])
