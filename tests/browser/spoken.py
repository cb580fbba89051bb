"""A scripted conversation in the place of the real one."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Route

Event = tuple[str, dict[str, Any]]


def write_events(events: list[Event]) -> str:
    return ": connected\n\n" + "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)


def say(text: str) -> list[Event]:
    """Return a complete answer without calls, in two pieces of text."""
    half = len(text) // 2
    begun = ("conversation", {"conversation_id": "c1", "turn_id": "t1", "model": "offline-commands"})
    parts: list[Event] = [("text", {"text": text[:half]}), ("text", {"text": text[half:]})]
    return [begun, *parts, ("done", {"turn_id": "t1", "text": text, "finish": "stop"})]


@dataclass
class Spoken:
    """Answers the conversation's routes: `answers` in order, then an echo of each message."""

    models: tuple[str, ...] = ("tasks-agent", "offline-commands")
    answers: list[list[Event] | tuple[int, str]] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    conversations: dict[str, dict[str, Any]] = field(default_factory=dict)

    def install(self, context: BrowserContext) -> None:
        context.route("**/api/chat", self._chat)
        context.route("**/v1/models", self._list_models)
        context.route("**/api/conversations**", self._list)
        context.route("**/api/conversations/*", self._one)

    def _chat(self, route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        self.heard.append(body)
        answer = self.answers.pop(0) if self.answers else say(f"You said: {body['message']}")
        if isinstance(answer, tuple):
            status, detail = answer
            problem = {"type": "about:blank", "title": "Refused", "status": status, "detail": detail, "code": "x"}
            route.fulfill(status=status, content_type="application/problem+json", body=json.dumps(problem))
            return
        route.fulfill(status=200, content_type="text/event-stream", body=write_events(answer))

    def _list_models(self, route: Route) -> None:
        route.fulfill(json={"object": "list", "data": [{"id": name} for name in self.models]})

    def _list(self, route: Route) -> None:
        route.fulfill(json={"conversations": [{**each, "messages": None} for each in self.conversations.values()]})

    def _one(self, route: Route) -> None:
        key = urlsplit(route.request.url).path.rpartition("/")[2]
        found = self.conversations.get(key)
        if route.request.method == "DELETE":
            self.conversations.pop(key, None)
            route.fulfill(status=204)
        elif found is None:
            problem = {"title": "Not found", "status": 404, "detail": "There is no such conversation.", "code": "x"}
            route.fulfill(status=404, content_type="application/problem+json", body=json.dumps(problem))
        else:
            route.fulfill(json=found)
