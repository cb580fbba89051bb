"""A plain page without script, on which a person answers a question by a form."""

from html import escape
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import HTMLResponse

from app.http.page import SAFETY

MOST_BYTES = 1_000
"""What is read of a form: a decision and little else."""
# No script, so that only the person can send the form.
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'{target}; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evolution Todo: {title}</title><link rel="icon" href="/page/mark.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page/style/tokens.css"></head>
<body><main class="question"><h1>{heading}</h1>{content}</main></body></html>"""
FOREIGN = ("Not from this page", "Only the page itself can send this form.", 403)
"""The heading, the sentence and the status for a form that a page of ours has not sent."""


def draw_page(
    title: str, heading: str, content: str, status: int, *, target: str = "", more: dict[str, str] | None = None
) -> HTMLResponse:
    """Return a page; `content` is HTML, `target` where its form may lead besides here, `more` are further headers."""
    page = _PAGE.format(title=title, heading=escape(heading), content=content)
    policy = {"Content-Security-Policy": _POLICY.format(target=target)}
    return HTMLResponse(page, status, {**SAFETY, **policy, "Cache-Control": "no-store", **(more or {})})


def draw_text(text: str) -> str:
    """Return a sentence as a paragraph, in the direction of its own script."""
    return f'<p dir="auto">{escape(text)}</p>'


async def read_answer(request: Request) -> dict[str, str] | None:
    """Return the fields of a form; None without an origin, which the edge compares with ours."""
    if request.headers.get("origin") is None:
        return None
    return dict(parse_qsl((await request.body())[:MOST_BYTES].decode("utf-8", "replace")))
