"""The steps that every client plays, and their report: one line of JSON on standard output."""

import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

TITLE = os.environ["CLIENT_TITLE"]
"""The title of this client's task; no other client uses it."""
OVER = sys.argv[1]
"""`http` or `stdio`."""
URL = os.environ["CLIENT_URL"]
COMMAND: list[str] = json.loads(os.environ["CLIENT_COMMAND"])
"""The command of a server over standard input and output; it needs this process's environment."""

List = Callable[[], Awaitable[list[str]]]
Call = Callable[[str, dict[str, Any]], Awaitable[Any]]


async def play(list_tools: List, call: Call) -> None:
    """List the tools, create a task, find it, make a mistake; `call` returns what the client shows of an answer."""
    report(
        tools=await list_tools(),
        made=await call("create_task", {"title": TITLE, "due": "2030-01-02", "tags": ["x"]}),
        found=await call("find_tasks", {"text": TITLE, "status": "open"}),
        wrong=await call("get_task", {"task_id": "none such"}),
    )


def report(**seen: Any) -> None:
    print(json.dumps({name: each if name == "tools" else str(each) for name, each in seen.items()}))
