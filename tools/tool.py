"""A tool: an operation as MCP offers it, from raw arguments to the result."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.types import CallToolResult, InputRequiredResult, ToolAnnotations
from pydantic import PrivateAttr

from todo.errors import ConfirmationRequired, Forbidden, InternalError, TodoError
from todo.record.work import Store, Who
from todo.requests.confirmations import ask_person, decide_confirmation, refuse_again
from todo.requests.operation import Operation, read_call, run_call
from tools.elicitation import QUESTION, ask_form, can_ask, has_agreed
from tools.results import show_answer, show_refusal
from tools.schemas import describe_answer, describe_arguments

Identify = Callable[[Context[Any, Any]], Who]
NoteScope = Callable[[Context[Any, Any], str], None]
"""Notes, for the transport, that a call was refused for want of scopes."""


class Admit(Protocol):
    """Counts a call of a caller; raises `RateLimited`."""

    async def __call__(self, who: Who, *, writes: bool) -> None:
        """Count one call."""


Link = Callable[[str], str]
"""Makes the address of the page on which the person decides a question, from the question's id."""


@dataclass(frozen=True, slots=True)
class Host:
    """What the tools need of the process that serves them."""

    store: Store
    identify: Identify
    link: Link
    note_scope: NoteScope
    admit: Admit


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool: an operation, with what models read of it and the typed dict of its answer."""

    operation: Operation
    title: str
    description: str
    answer: type

    @property
    def name(self) -> str:
        """The name that tools and operations share."""
        return self.operation.name


class UseCaseTool(Tool):
    """An MCP tool that runs a use case; overrides `run` because the SDK drops unknown arguments and `null`s."""

    _call: "UseCaseCall" = PrivateAttr()

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,  # noqa: ARG002
    ) -> CallToolResult | InputRequiredResult:
        """Run the use case for the caller that the edge has identified; refusals become tool errors."""
        return await self._call.run(arguments, context)


class UseCaseCall:
    """Runs the calls of one tool."""

    def __init__(self, spec: ToolSpec, host: Host) -> None:
        self._spec = spec
        self._host = host

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any]) -> CallToolResult | InputRequiredResult:
        """Run the use case; raises nothing."""
        spec = self._spec
        try:
            call = read_call(spec.operation, arguments)
            who = self._host.identify(context)
            await self._host.admit(who, writes=spec.operation.effect.writes)
            if await self._has_refused(who, context):
                return show_refusal(refuse_again())
            answer = await run_call(self._host.store, who, call)
        except ConfirmationRequired as error:
            return await self._ask(error, who, context)
        except TodoError as error:
            if isinstance(error, Forbidden) and "scope" in error.details:
                self._host.note_scope(context, error.details["scope"])
            return show_refusal(error)
        except Exception:
            # Details go to the log only; the SDK would put the exception's text, SQL included, into the answer.
            log.exception("%s failed", spec.name)
            return show_refusal(InternalError())
        return show_answer(answer)

    async def _ask(
        self, error: ConfirmationRequired, who: Who, context: Context[Any, Any]
    ) -> CallToolResult | InputRequiredResult:
        """Ask the person: through the client if it can, else by a link to the page."""
        summary = str(error.details["summary"])
        fingerprint, about = str(error.details["fingerprint"]), error.details["about"]
        ask = partial(ask_person, fingerprint=fingerprint, summary=summary, about=about)
        confirmation_id = await self._host.store.write(who, ask)
        if can_ask(context):
            return InputRequiredResult(
                input_requests={QUESTION: ask_form(f"{summary}? The assistant asks for it.")},
                request_state=confirmation_id,
            )
        link = self._host.link(confirmation_id)
        refusal = ConfirmationRequired(
            error.sentence,
            f"Give them this link; when they have agreed, repeat this very call: {link}",
            link=link,
            confirmation_id=confirmation_id,
            summary=summary,
        )
        return show_refusal(refusal)

    async def _has_refused(self, who: Who, context: Context[Any, Any]) -> bool:
        """Store the person's answer if this call brings one; return whether they refused.

        The SDK has verified that the state is ours, so the question is one that we asked.
        """
        answers, asked = context.input_responses, context.request_state
        if not answers or asked is None or QUESTION not in answers:
            return False
        decision = "accept" if has_agreed(answers[QUESTION]) else "reject"
        await self._host.store.write(who, lambda work: decide_confirmation(work, asked, decision))
        return decision == "reject"


def build_tool(spec: ToolSpec, host: Host) -> UseCaseTool:
    """Return the SDK's form of a tool."""
    effect = spec.operation.effect
    output = describe_answer(spec.answer, writes=effect.writes)
    tool = UseCaseTool(
        fn=_never_called,
        name=spec.name,
        title=spec.title,
        description=spec.description,
        parameters=describe_arguments(spec.operation.request),
        fn_metadata=FuncMetadata(arg_model=ArgModelBase, output_schema=output),
        is_async=True,
        context_kwarg=None,
        annotations=ToolAnnotations(
            read_only_hint=not effect.writes,
            destructive_hint=effect.destructive,
            idempotent_hint=effect.idempotent,
            open_world_hint=False,
        ),
    )
    tool._call = UseCaseCall(spec, host)  # noqa: SLF001  # private to pydantic, not to us
    return tool


async def _never_called() -> None:
    """Stand where the SDK wants a function: `UseCaseTool.run` takes its place."""
