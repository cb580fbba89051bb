"""What the conformance suite asks a server for by name: tools, resources and prompts beside the service's own."""

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.shared.exceptions import MCPError
from mcp.types import (
    AudioContent,
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    EmbeddedResource,
    ImageContent,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)

MISSING_CAPABILITY = -32021
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
SOUND = b64encode(b"RIFF$\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00@\x1f\x00\x00@\x1f\x00\x00").decode()
Answer = CallToolResult | InputRequiredResult
Caller = Context[Any, Any]


def write(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def show() -> ImageContent:
    return ImageContent(type="image", data=PICTURE, mime_type="image/png")


def embed(uri: str, kind: str, text: str) -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=kind, text=text))


def ask_form(message: str, name: str, kind: str = "string") -> ElicitRequest:
    schema: dict[str, Any] = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def ask_model(text: str) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=write(text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=100))


def finish(text: str) -> CallToolResult:
    return CallToolResult(content=[write(text)])


def ask_until(ctx: Caller, state: str | None, **requests: Any) -> Answer:
    """Ask until everything is answered, and then say what was."""
    answers = ctx.input_responses or {}
    if not requests.keys() <= answers.keys() or (state is not None and ctx.request_state != state):
        return InputRequiredResult(input_requests=requests, request_state=state)
    said = "; ".join(f"{name}: {answers[name].model_dump_json()}" for name in requests)
    return finish(f"state-ok {said}")


def test_missing_capability() -> str:
    """Wants a capability that the client has not."""
    raise MCPError(MISSING_CAPABILITY, "Sampling is wanted.", {"requiredCapabilities": {"sampling": {}}})


def test_streaming_elicitation() -> str:
    """Answers on a stream."""
    return "streamed"


def test_logging_tool() -> str:
    """Has nothing to log."""
    return "logged nothing"


def test_simple_text() -> CallToolResult:
    """Answers a text."""
    return finish("This is a simple text response for testing.")


def test_image_content() -> CallToolResult:
    """Answers a picture."""
    return CallToolResult(content=[show()])


def test_audio_content() -> CallToolResult:
    """Answers a sound."""
    return CallToolResult(content=[AudioContent(type="audio", data=SOUND, mime_type="audio/wav")])


def test_embedded_resource() -> CallToolResult:
    """Answers a resource."""
    text = "This is an embedded resource content."
    return CallToolResult(content=[embed("test://embedded-resource", "text/plain", text)])


def test_multiple_content_types() -> CallToolResult:
    """Answers a text, a picture and a resource."""
    data = embed("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
    return CallToolResult(content=[write("Multiple content types test:"), show(), data])


def test_error_handling() -> CallToolResult:
    """Fails."""
    return CallToolResult(content=[write("This tool intentionally returns an error for testing")], is_error=True)


def test_input_required_result_elicitation(ctx: Caller) -> Answer:
    """Asks for a name."""
    return ask_until(ctx, None, user_name=ask_form("What is your name?", "name"))


def test_input_required_result_sampling(ctx: Caller) -> Answer:
    """Asks the client's model."""
    return ask_until(ctx, None, capital_question=ask_model("What is the capital of France?"))


def test_input_required_result_list_roots(ctx: Caller) -> Answer:
    """Asks for the client's roots."""
    return ask_until(ctx, None, client_roots=ListRootsRequest())


def test_input_required_result_request_state(ctx: Caller) -> Answer:
    """Asks for agreement, with a state."""
    return ask_until(ctx, "asked", confirm=ask_form("Please confirm", "ok", "boolean"))


def test_input_required_result_multiple_inputs(ctx: Caller) -> Answer:
    """Asks three things at once."""
    name, greeting = ask_form("What is your name?", "name"), ask_model("Generate a greeting")
    return ask_until(ctx, "asked", user_name=name, greeting=greeting, client_roots=ListRootsRequest())


def test_input_required_result_multi_round(ctx: Caller) -> Answer:
    """Asks twice, one after the other."""
    if ctx.request_state is None:
        form = ask_form("Step 1: What is your name?", "name")
        return InputRequiredResult(input_requests={"step1": form}, request_state="one")
    if ctx.request_state == "one":
        form = ask_form("Step 2: What is your favorite color?", "color")
        return InputRequiredResult(input_requests={"step2": form}, request_state="two")
    return finish("both are answered")


def test_input_required_result_tampered_state(ctx: Caller) -> Answer:
    """Asks for agreement; the SDK seals the state."""
    return ask_until(ctx, "sealed", confirm=ask_form("Please confirm", "ok", "boolean"))


def test_input_required_result_capabilities(ctx: Caller) -> Answer:
    """Asks what this client can answer."""
    can = ctx.client_capabilities
    requests: dict[str, Any] = {}
    if can is not None and can.elicitation is not None:
        requests["user_name"] = ask_form("What is your name?", "name")
    if can is not None and can.sampling is not None:
        requests["greeting"] = ask_model("Generate a greeting")
    return ask_until(ctx, None, **requests) if requests else finish("nothing can be asked")


TOOLS: tuple[Callable[..., Any], ...] = (
    test_missing_capability,
    test_streaming_elicitation,
    test_logging_tool,
    test_simple_text,
    test_image_content,
    test_audio_content,
    test_embedded_resource,
    test_multiple_content_types,
    test_error_handling,
    test_input_required_result_elicitation,
    test_input_required_result_sampling,
    test_input_required_result_list_roots,
    test_input_required_result_request_state,
    test_input_required_result_multiple_inputs,
    test_input_required_result_multi_round,
    test_input_required_result_tampered_state,
    test_input_required_result_capabilities,
)
NAMES = frozenset(tool.__name__ for tool in TOOLS)
for _tool in TOOLS:
    _tool.__test__ = False  # type: ignore[attr-defined]  # pytest looks for tests by name


def add_fixtures(server: MCPServer[Any]) -> None:
    """Add everything to a server, and keep its own check of calls to its own tools."""
    for tool in TOOLS:
        server.add_tool(tool)
    add_resources(server)
    add_prompts(server)
    strict = server.middleware.pop()

    async def keep_apart(ctx: Any, call_next: Any) -> Any:
        found: list[Any] = []

        async def call_own(inner: Any) -> Any:
            result = await call_next(inner)
            if ctx.method != "tools/list":
                return result
            found.extend(each for each in result["tools"] if each["name"] in NAMES)
            return {**result, "tools": [each for each in result["tools"] if each["name"] not in NAMES]}

        if ctx.method == "tools/call" and (ctx.params or {}).get("name") in NAMES:
            return await call_next(ctx)
        result: Any = await strict(ctx, call_own)
        return {**result, "tools": [*result["tools"], *found]} if found else result

    server.middleware.append(keep_apart)


def add_resources(server: MCPServer[Any]) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    def read_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def read_binary() -> bytes:
        return b64decode(PICTURE)

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def read_template(id: str) -> str:  # noqa: A002  # the suite's own name
        return f'{{"id":"{id}","templateTest":true,"data":"Data for ID: {id}"}}'


def add_prompts(server: MCPServer[Any]) -> None:
    def say(*contents: Any) -> list[UserMessage]:
        return [UserMessage(content) for content in contents]

    @server.prompt(name="test_simple_prompt", description="Says one thing.")
    def simple() -> list[Any]:
        return say(write("This is a simple prompt for testing."))

    @server.prompt(name="test_prompt_with_arguments", description="Says its arguments.")
    def with_arguments(arg1: str, arg2: str) -> list[Any]:
        return say(write(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"))

    @server.prompt(name="test_prompt_with_embedded_resource", description="Holds a resource.")
    def with_resource(resourceUri: str) -> list[Any]:  # noqa: N803  # the suite's own name
        held = embed(resourceUri, "text/plain", "Embedded resource content for testing.")
        return say(held, write("Please process the embedded resource above."))

    @server.prompt(name="test_prompt_with_image", description="Holds a picture.")
    def with_picture() -> list[Any]:
        return say(show(), write("Please analyze the image above."))

    @server.prompt(name="test_input_required_result_prompt", description="Asks for its context.")
    def asks(ctx: Caller) -> Any:
        answers = ctx.input_responses or {}
        if "user_context" not in answers:
            form = ask_form("What context should the prompt use?", "context")
            return InputRequiredResult(input_requests={"user_context": form})
        return say(write(answers["user_context"].model_dump_json()))
