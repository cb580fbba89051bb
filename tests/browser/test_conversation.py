"""The conversation: streamed answers, folded calls, questions, earlier conversations and failures."""

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Watch, Windows, wait_ready
from tests.browser.served import Served
from tests.browser.spoken import Event, Spoken, say, write_events

PROMISES = ("page-manners",)
pytestmark = pytest.mark.usefixtures("spoken")

BEGUN: Event = ("conversation", {"conversation_id": "c1", "turn_id": "t1", "model": "tasks-agent"})


def tell(page: Page, message: str) -> None:
    page.get_by_role("textbox", name="Message").fill(message)
    page.keyboard.press("Enter")


def log(page: Page) -> Locator:
    return page.get_by_role("log")


def test_an_empty_conversation_offers_three_examples(page: Page, spoken: Spoken) -> None:
    expect(page.locator(".example")).to_have_count(3)
    page.get_by_role("button", name="What is due this week?").click()
    expect(log(page)).to_contain_text("You said: What is due this week?")
    expect(page.locator(".example")).to_have_count(0)
    assert spoken.heard == [{"message": "What is due this week?"}]


def test_a_call_is_one_folded_line_that_opens(page: Page, spoken: Spoken) -> None:
    called = {"call": 1, "name": "create_task"}
    result = {"task": {"title": "Call mum"}, "message": "Saved."}
    spoken.answers = [
        [
            BEGUN,
            ("tool_started", {**called, "arguments": {"title": "Call mum"}}),
            ("tool_finished", {**called, "ok": True, "result": result}),
            ("tool_started", {"call": 2, "name": "set_reminder", "arguments": {"at": "yesterday"}}),
            ("tool_finished", {"call": 2, "name": "set_reminder", "ok": False, "result": {"code": "invalid_time"}}),
            ("text", {"text": "Saved, but **not** in the past:\n- one\n- two"}),
            ("done", {"turn_id": "t1", "text": "", "finish": "stop"}),
        ]
    ]
    tell(page, "call mum")
    lines = page.locator("tool-call")
    expect(lines).to_have_count(2)
    expect(lines.first.locator("summary")).to_contain_text("addedCall mum✓")
    expect(lines.last.locator("summary")).to_contain_text("✗")
    expect(lines.first.locator("pre").first).to_be_hidden()
    lines.first.locator("summary").click()
    expect(lines.first.get_by_label("Result")).to_contain_text('"message": "Saved."')
    expect(page.locator(".theirs li")).to_have_text(["one", "two"])
    expect(page.locator(".theirs strong")).to_have_text("not")


def test_what_a_model_says_is_never_markup(page: Page, spoken: Spoken) -> None:
    spoken.answers = [say('<img src=x onerror="document.title=1"> **<b>x</b>** [a](javascript:alert(1))')]
    plain = "### Plan\n```python\n# a *comment*\n```\n`` half and **half\nsee https://example.org/x."
    spoken.answers.append(say(plain))
    tell(page, "<script>alert(1)</script>")
    expect(page.locator(".mine")).to_have_text("<script>alert(1)</script>")
    expect(page.locator(".theirs")).to_contain_text("<img src=x")
    assert page.locator(".log img, .log b, .log a, .log script").count() == 0
    # What has a form of its own has it, and nothing is dropped.
    tell(page, "plan")
    answer = page.locator(".theirs").last
    expect(answer.locator(".heading")).to_have_text("Plan")
    expect(answer.locator("pre")).to_have_text("# a *comment*")
    expect(answer.locator("p").last).to_have_text("`` half and **halfsee https://example.org/x.")
    expect(answer.get_by_role("link")).to_have_attribute("href", "https://example.org/x")


def test_a_question_is_a_card_and_agreeing_goes_on(page: Page, served: Served, spoken: Spoken) -> None:
    for number in range(11):
        served.add(f"Meeting {number}", tags=["meeting"])
    plan = served.tool("plan_changes", filter={"tags": ["meeting"]}, change={"delete": True})
    served.tool("apply_plan", plan_id=plan.structured_content["plan_id"])
    [question] = served.rest("GET", "/confirmations")["confirmations"]
    asked = {key: question[key] for key in ("summary", "action", "items", "total", "expires_at")}
    spoken.answers = [
        [
            BEGUN,
            ("confirmation", {"confirmation_id": question["id"], **asked}),
            ("done", {"turn_id": "t1", "text": "Shall I?", "finish": "confirmation"}),
        ]
    ]
    tell(page, "delete all meetings")
    card = log(page).get_by_role("group", name="A question that waits for you")
    expect(card.get_by_role("listitem").first).to_have_text("Meeting 0")
    expect(page.get_by_role("group", name="A question that waits for you")).to_have_count(1)
    card.get_by_role("button", name="Agree").click()
    expect(log(page)).to_contain_text("You said: yes")
    assert spoken.heard[-1] == {"message": "yes", "conversation_id": "c1"}
    assert served.rest("GET", "/confirmations")["confirmations"][0]["state"] == "accepted"


def test_a_refusal_and_a_broken_answer_are_told_and_tried_again(page: Page, spoken: Spoken, watch: Watch) -> None:
    watch.allow("429")
    spoken.answers = [
        (429, "Too many messages; wait a minute."),
        [BEGUN, ("text", {"text": "Half an ans"})],
        say("Now."),
    ]
    tell(page, "hello")
    expect(page.get_by_role("alert").last).to_contain_text("Too many messages; wait a minute.")
    page.get_by_role("button", name="Try again").last.click()
    expect(page.get_by_role("alert").last).to_contain_text("The answer was cut off")
    page.get_by_role("button", name="Try again").last.click()
    expect(log(page)).to_contain_text("Now.")


def test_an_error_event_is_told(page: Page, spoken: Spoken) -> None:
    error = {"code": "model_unreachable", "title": "Unreachable", "detail": "The model does not answer.", "status": 503}
    spoken.answers = [[BEGUN, ("error", error)]]
    tell(page, "hello")
    expect(page.get_by_role("alert")).to_contain_text("The model does not answer.")


def test_an_answer_is_stopped(page: Page, watch: Watch) -> None:
    watch.allow("ERR_FAILED|ERR_ABORTED")
    page.route("**/api/chat", lambda _route: None)
    tell(page, "hello")
    page.get_by_role("button", name="Stop").click()
    expect(log(page)).to_contain_text("Stopped.")
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def test_what_is_sent_while_an_answer_comes_goes_out_after_it(page: Page) -> None:
    held: list[Route] = []
    page.route("**/api/chat", lambda route: route.fallback() if held else held.append(route))
    tell(page, "hello")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    tell(page, "and hello again")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("and hello again")
    held[0].fallback()
    expect(log(page)).to_contain_text("You said: hello")
    expect(log(page)).to_contain_text("You said: and hello again")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("")


HELD = """() => {
  const real = window.fetch;
  window.fetch = (path, options) => {
    if (path !== "/api/chat") return real(path, options);
    const body = new ReadableStream({
      start(stream) {
        window.tell = (text) => stream.enqueue(new TextEncoder().encode(text));
        window.hangUp = () => stream.close();
        options.signal.addEventListener("abort", () => stream.error(options.signal.reason));
      },
    });
    return Promise.resolve(new Response(body, { headers: { "Content-Type": "text/event-stream" } }));
  };
}"""
"""An answer that comes as the test tells it."""


def test_stopping_asks_and_still_hears_how_the_call_ended(page: Page, spoken: Spoken) -> None:
    stopped: list[str] = []

    def stop(route: Route) -> None:
        stopped.append(route.request.url)
        route.fulfill(json={"stopping": True})

    page.route("**/api/conversations/c1/stop", stop)
    page.evaluate(HELD)
    called = {"call": 1, "name": "create_task"}
    tell(page, "hello")
    page.evaluate("text => tell(text)", write_events([BEGUN, ("tool_started", {**called, "arguments": {}})]))
    expect(page.locator("tool-call")).to_have_count(1)
    with page.expect_response("**/stop") as answered:
        page.get_by_role("button", name="Stop").click()
    answered.value.finished()
    # The page keeps listening: the call that ran is shown with its result.
    done = {"turn_id": "t1", "text": "", "finish": "stopped"}
    ended: list[Event] = [("tool_finished", {**called, "ok": True, "result": {"message": "Saved."}}), ("done", done)]
    page.evaluate("text => { tell(text); hangUp(); }", write_events(ended))
    expect(page.locator("tool-call summary")).to_contain_text("✓")
    expect(log(page).get_by_text("Stopped.")).to_have_count(1)
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    assert len(stopped) == 1


def test_without_a_model_one_calm_line_says_so(windows: Windows, spoken: Spoken) -> None:
    spoken.models = ("offline-commands",)
    page = windows.open()
    expect(page.locator(".offline")).to_contain_text("Built-in commands answer here, without a model.")
    page.locator(".offline").get_by_role("button", name="help").click()
    expect(log(page)).to_contain_text("You said: help")


def test_a_reload_keeps_the_conversation_and_a_new_one_begins_empty(page: Page, spoken: Spoken) -> None:
    tell(page, "hello")
    expect(log(page)).to_contain_text("You said: hello")
    at = "2026-11-25T09:00:00Z"
    calls = [{"name": "find_tasks", "arguments": {}, "ok": True, "result": {"total": 3}}]
    messages = [
        {"role": "user", "text": "hello", "at": at},
        {"role": "assistant", "text": "You have three.", "at": at, "calls": calls},
    ]
    spoken.conversations["c1"] = {
        "id": "c1",
        "title": "hello",
        "created_at": at,
        "updated_at": at,
        "model": "tasks-agent",
        "messages": messages,
    }
    page.reload()
    wait_ready(page)
    expect(log(page)).to_contain_text("You have three.")
    expect(page.locator("tool-call summary")).to_contain_text("3 found")
    page.get_by_role("button", name="New").click()
    expect(page.locator(".example")).to_have_count(3)
    page.get_by_role("button", name="Earlier").click()
    page.locator("conversation-list .open").click()
    expect(log(page)).to_contain_text("You have three.")
    page.get_by_role("button", name="Earlier").click()
    page.get_by_role("button", name="Delete: hello").click()
    expect(page.locator(".example")).to_have_count(3)
    assert not spoken.conversations


def test_a_conversation_that_is_gone_is_forgotten(page: Page, spoken: Spoken, watch: Watch) -> None:
    watch.allow("404")
    tell(page, "hello")
    expect(log(page)).to_contain_text("You said: hello")
    with page.expect_response("**/api/conversations/c1"):
        page.reload()
    wait_ready(page)
    expect(page.locator(".example")).to_have_count(3)
    tell(page, "hello again")
    expect(log(page)).to_contain_text("You said: hello again")
    assert [each.get("conversation_id") for each in spoken.heard] == [None, None]
