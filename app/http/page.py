"""The routes of the page: plain files of this package, sent compressed and under a strict policy."""

import gzip
import re
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.http.routes import PlainRoute
from app.problems import HttpRefusal

FOLDER = Path(__file__).parents[1] / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Our pages load their own parts, nothing inline and nothing foreign."""
SAFETY = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_OPENED = ("/authorize", "/consent")
"""Where people come to from programs, and sign in first."""
_PART = re.compile(r"(?:[a-z-]+/)?[a-z-]+[0-9]*(\.(?:html|js|css|svg|png|webmanifest))")
"""A part's path: at most one folder, and no character that could lead out of it."""
_WORKER = "worker.js"
"""The service worker, which serves the whole page from its folder (Service Workers, section 4.4)."""
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}


def build_page_routes() -> APIRouter:
    """Return the page at `/` and its parts under `/page`; an unchanged part answers 304."""
    router = APIRouter(route_class=PlainRoute, include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def show_page(request: Request) -> Response:
        response = _send("index.html", request)
        if request.query_params.get("next", "").startswith(_OPENED):
            # A program that opened this in a window of its own is waiting for it there.
            response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
        return response

    @router.api_route("/page/{path:path}", methods=["GET", "HEAD"])
    async def send_part(path: str, request: Request) -> Response:
        return _send(path, request)

    return router


@lru_cache(512)
def compress_part(path: str, _changed: int) -> tuple[bytes, bytes, str]:
    """Return a part plain and compressed, and its entity tag; `_changed` is its time of change, for the cache."""
    plain = (FOLDER / path).read_bytes()
    return plain, gzip.compress(plain, 9, mtime=0), f'"{sha256(plain).hexdigest()[:20]}"'


def _send(path: str, request: Request) -> Response:
    known = _PART.fullmatch(path)
    file = FOLDER / path
    if known is None or not file.is_file():
        raise HttpRefusal(404, "not_found", "There is no such part of the page.")
    plain, small, tag = compress_part(path, file.stat().st_mtime_ns)
    headers = {**SAFETY, "ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if path == _WORKER:
        headers["Service-Worker-Allowed"] = "/"
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    body = plain
    if "gzip" in request.headers.get("accept-encoding", ""):
        body, headers = small, {**headers, "Content-Encoding": "gzip"}
    return Response(body, headers=headers, media_type=_TYPES[known[1]])
