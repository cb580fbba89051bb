"""A tool: a use case under a name, with its arguments read leniently in form and strictly in meaning."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import PrivateAttr

from todo.arguments import Request, describe_model, read_arguments
from todo.errors import InternalError, TodoError
from todo.requests import once
from todo.views import View
from todo.work import Store, Who, Work
from tools.results import show_answer, show_refusal

Identify = Callable[[Context[Any, Any]], Who]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """Everything there is to say about one tool; `use_case` takes (work, request)."""

    name: str
    title: str
    description: str
    request: type[Request]
    use_case: Callable[[Work, Any], View]
    output: dict[str, Any]
    writes: bool = True
    destructive: bool = False
    idempotent: bool = False


class UseCaseTool(Tool):
    """An MCP tool that runs a use case; overrides `run` because the SDK drops unknown arguments and `null`s."""

    _spec: ToolSpec = PrivateAttr()
    _store: Store = PrivateAttr()
    _identify: Identify = PrivateAttr()

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,  # noqa: ARG002
    ) -> CallToolResult:
        """Run the use case for the caller that the edge has identified; refusals become tool errors."""
        spec = self._spec
        try:
            given = read_arguments(spec.request, arguments)
            who = self._identify(context)
            if spec.writes:
                answer = await self._store.write(
                    who, partial(once, operation=spec.name, request=given.request, use_case=spec.use_case)
                )
            else:
                answer = await self._store.read(who, lambda work: spec.use_case(work, given.request))
        except TodoError as error:
            return show_refusal(error)
        except Exception:
            # What broke is for the log; the SDK would put its words, SQL and all, into the answer.
            log.exception("%s failed", spec.name)
            return show_refusal(InternalError())
        if given.warnings:
            answer = {**answer, "warnings": [*answer.get("warnings", []), *given.warnings]}
        return show_answer(answer)


def build_tool(spec: ToolSpec, store: Store, identify: Identify) -> UseCaseTool:
    """Return the SDK's form of a tool."""
    tool = UseCaseTool(
        fn=_never_called,
        name=spec.name,
        title=spec.title,
        description=spec.description,
        parameters=describe_model(spec.request),
        fn_metadata=FuncMetadata(arg_model=ArgModelBase, output_schema=spec.output),
        is_async=True,
        context_kwarg=None,
        annotations=ToolAnnotations(
            read_only_hint=not spec.writes,
            destructive_hint=spec.destructive,
            idempotent_hint=spec.idempotent or not spec.writes,
            open_world_hint=False,
        ),
    )
    tool._spec, tool._store, tool._identify = spec, store, identify  # noqa: SLF001  # private to pydantic, not to us
    return tool


async def _never_called() -> None:
    """Stand where the SDK wants a function: `UseCaseTool.run` takes its place."""
