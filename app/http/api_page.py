"""The page at `/docs`: the REST API from its OpenAPI description, without any script."""

import json
from collections.abc import Callable
from html import escape
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from app.http.page import SAFETY
from app.http.routes import PlainRoute

HEADERS = {**SAFETY, "Cache-Control": "no-cache"}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: the API</title>
<link rel="stylesheet" href="/page/style/tokens.css"><link rel="stylesheet" href="/page/style/sheet.css"></head>
<body><main><h1>{title} {version}: the API</h1><p>{description}</p>
<p>For programs: <a href="/openapi.json">openapi.json</a></p>
{operations}</main></body></html>"""
_OPERATION = """<section><h2><code>{method} {path}</code></h2><p>{summary}</p>{parts}</section>"""
_PART = "<details><summary>{name}</summary><pre>{text}</pre></details>"


def build_api_page(describe: Callable[[], dict[str, Any]]) -> APIRouter:
    """Return the route; `describe` returns the OpenAPI description."""
    router = APIRouter(route_class=PlainRoute, include_in_schema=False)

    @router.get("/docs")
    async def show_api() -> HTMLResponse:
        return HTMLResponse(write_page(describe()), headers=HEADERS)

    return router


def write_page(described: dict[str, Any]) -> str:
    """Return the page of an OpenAPI description (OpenAPI 3.1)."""
    info = described["info"]
    operations = [
        _write_operation(method.upper(), path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    return _PAGE.format(
        title=escape(info["title"]),
        version=escape(info["version"]),
        description=escape(info.get("description", "")),
        operations="\n".join(operations),
    )


def _write_operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = {
        "Parameters": operation.get("parameters"),
        "Body": operation.get("requestBody", {}).get("content"),
        "Answers": {status: each.get("description", "") for status, each in operation.get("responses", {}).items()},
    }
    written = [
        _PART.format(name=name, text=escape(json.dumps(value, indent=2, ensure_ascii=False)))
        for name, value in parts.items()
        if value
    ]
    summary = operation.get("description") or operation.get("summary", "")
    return _OPERATION.format(method=escape(method), path=escape(path), summary=escape(summary), parts="".join(written))
