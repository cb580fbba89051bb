"""The page with many open tasks: it says how many there are, and stays as quick with two thousand as with twenty."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from app.bench.full_file import fill_file
from tests.browser.conftest import wait_ready
from tests.browser.served import Served

PROMISES = ("page-day",)

pytestmark = pytest.mark.skipif(not os.environ.get("TODO_TEST_LONG"), reason="--long alone: many tasks take a while")
OPEN = 2_000
SEVERAL = 400
FEW = 20
PAINT = 200
"""Milliseconds from the data to what is on screen."""
FRAME = 50
"""Milliseconds of the page's own work for one key or one tick."""
PAINTED = """addEventListener("DOMContentLoaded", () => new PerformanceObserver((list) => {
  for (const { name, startTime } of list.getEntries())
    if (name === "page-ready")
      requestAnimationFrame(() => setTimeout(() => (window.painted = performance.now() - startTime)));
}).observe({ type: "mark", buffered: true }));"""


@contextmanager
def serve_many(folder: Path, count: int) -> Iterator[Served]:
    """Serve a file with some tasks more than `count`: a sixth of them is done."""
    folder.mkdir()
    fill_file(folder / "todo.db", count * 6 // 5)
    served = Served(folder)
    served.start()
    try:
        yield served
    finally:
        served.http.close()
        served.stop()


def count_shown(served: Served) -> int:
    """Return how many open tasks the list has as rows: a subtask without a due is seen in the task above it."""
    shown, cursor = 0, ""
    while True:
        answer = served.rest("GET", f"/tasks?limit=50{cursor}")
        shown += sum("parent" not in task or "due" in task for task in answer["tasks"])
        if "next_cursor" not in answer:
            return shown
        cursor = f"&cursor={quote(answer['next_cursor'])}"


def open_page(browser: Browser, served: Served) -> Page:
    page = browser.new_context(viewport={"width": 1200, "height": 800}, reduced_motion="reduce").new_page()
    page.add_init_script(PAINTED)
    page.goto(served.url)
    wait_ready(page)
    return page


def test_nothing_is_cut_in_silence(browser: Browser, tmp_path: Path) -> None:
    # More than come before the first sight of the list.
    with serve_many(tmp_path / "many", SEVERAL) as served:
        total = count_shown(served)
        assert SEVERAL * 0.8 <= total < served.rest("GET", "/statistics")["open"]
        page = open_page(browser, served)
        # The list fills behind its first rows, until it knows all.
        expect(page.locator("place-rail [href='#all'] .count")).to_have_text(f"{total:,}", timeout=60_000)
        parts = page.locator("task-list > section.part")
        counts = [int(each.replace(",", "")) for each in parts.locator(".head .count").all_inner_texts()]
        assert sum(counts) == total
        longest = max(counts)
        part = parts.nth(counts.index(longest))
        expect(part.locator("task-row")).to_have_count(60)
        expect(part.locator(".rest")).to_have_text(f"60 of {longest} · Show more")
        part.locator(".rest").click()
        expect(part.locator("task-row")).to_have_count(min(260, longest))
        # One more task is read alone, and is there at once.
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        served.add("Seen at once", due=served.local_day(), priority="high")
        expect(page.locator("task-row", has_text="Seen at once")).to_be_visible()
        assert not [url for url in asked if "/api/tasks?" in url]
        page.context.close()


def test_it_is_as_quick_as_with_twenty(browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = {}
    for count in (FEW, OPEN):
        with serve_many(tmp_path / str(count), count) as served:
            page = open_page(browser, served)
            total = count_shown(served)
            expect(page.locator("place-rail [href='#all'] .count")).to_have_text(f"{total:,}", timeout=60_000)
            work = page.context.new_cdp_session(page)
            work.send("Performance.enable", {"timeDomain": "threadTicks"})
            figures[count] = (page.evaluate("window.painted"), measure_typing(page, work), measure_tick(page, work))
            page.context.close()
    with capsys.disabled():
        for count, (paint, typing, tick) in figures.items():
            print(f"\n{count} tasks: paint {paint:.0f} ms, a key {typing:.0f} ms, a tick {tick:.0f} ms")
    paint, typing, _ = figures[OPEN]
    assert paint <= max(PAINT, 1.5 * figures[FEW][0])
    assert typing <= FRAME


def measure_typing(page: Page, work: CDPSession) -> float:
    """Return the page's work for one key, in milliseconds of the processor."""
    page.get_by_role("textbox", name="Add a task").click()
    text = "water the plants in the garden"
    before = read_work(work)
    page.keyboard.type(text, delay=50)
    spent = (read_work(work) - before) / len(text)
    page.get_by_role("textbox", name="Add a task").fill("")
    return spent


def measure_tick(page: Page, work: CDPSession) -> float:
    """Return the page's work from a tick until everything that follows from it is shown."""
    before = read_work(work)
    page.locator("task-row .circle").first.click()
    expect(page.locator("foot-line")).to_contain_text("completed")
    return read_work(work) - before


def read_work(work: CDPSession) -> float:
    metrics = {each["name"]: each["value"] for each in work.send("Performance.getMetrics")["metrics"]}
    spent: float = metrics["TaskDuration"] * 1_000
    return spent
