"""The page with many open tasks: it says how many there are, and stays as quick with two thousand as with twenty."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect
from pydantic_core import from_json

from app.bench.full_file import fill_file
from tests.browser.conftest import wait_ready
from tests.browser.served import Served

PROMISES = ("page-day",)

pytestmark = pytest.mark.long("many tasks take a while")
OPEN = 2_000
SEVERAL = 400
FEW = 20
PAINT = 200
"""Milliseconds from the data to what is on screen."""
FRAME = 50
"""Milliseconds of the page's own work in one piece, for a key or a tick: no frame is longer."""
TIMES = 3
"""The first sight is taken so often, and its median counts."""
SETTLED = 800
"""Milliseconds after which everything has followed from a key or a tick: it is done, and the news of it are there."""
TIMELINE = "disabled-by-default-devtools.timeline"
PAINTED = """{
  const mark = performance.mark.bind(performance);
  performance.mark = (name) => {
    const made = mark(name);
    if (name === "page-ready")
      requestAnimationFrame(() => setTimeout(() => (window.painted = performance.now() - made.startTime)));
    return made;
  };
}"""
"""The frame after the data is the one that counts, so it is asked for at once."""


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
        # What has not begun is folded, and counted at its fold.
        waiting = page.locator("details.part", has=page.get_by_role("heading", name="Not yet")).locator(".count")
        folded = sum(int(each.replace(",", "")) for each in waiting.all_inner_texts())
        assert sum(counts) + folded == total
        longest = max(counts)
        part = parts.nth(counts.index(longest))
        expect(part.locator("task-row")).to_have_count(60)
        expect(part.locator(".rest")).to_have_text(f"60 of {longest} · Show more")
        part.locator(".rest").click()
        expect(part.locator("task-row")).to_have_count(min(260, longest))
        # One more task is read alone, and is there at once.
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        seen = served.add("Seen at once", due=served.local_day(), priority="high", list="Home")
        row = page.locator("task-row", has_text="Seen at once")
        expect(row.locator(".in")).to_have_text("in Home")
        # What it has no more is gone from its row.
        served.rest("PATCH", f"/tasks/{seen['id']}", {"list": None})
        expect(row.locator(".in")).to_have_count(0)
        assert not [url for url in asked if "/api/tasks?" in url]
        page.context.close()


def test_it_is_as_quick_as_with_twenty(browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paint, longest = {}, {}
    for count in (FEW, OPEN):
        with serve_many(tmp_path / str(count), count) as served:
            paints = []
            for _ in range(TIMES):
                page = open_page(browser, served)
                paints.append(float(page.evaluate("window.painted")))
                page.context.close()
            paint[count] = median(paints)
            page = open_page(browser, served)
            total = count_shown(served)
            expect(page.locator("place-rail [href='#all'] .count")).to_have_text(f"{total:,}", timeout=60_000)
            longest[count] = {deed: trace(browser, page, act) for deed, act in DEEDS.items()}
            page.context.close()
    with capsys.disabled():
        for count, first in paint.items():
            deeds = ", ".join(f"{deed} {spent:.0f} ms" for deed, spent in longest[count].items())
            print(f"\n{count} tasks: paint {first:.0f} ms; longest piece of work: {deeds}")
    assert paint[OPEN] <= max(PAINT, 1.5 * paint[FEW])
    assert max(longest[OPEN].values()) <= FRAME


def trace(browser: Browser, page: Page, deed: Callable[[Page], Callable[[], None]]) -> float:
    """Return the longest time for which the page's thread was busy in one piece while a person did something, in ms.

    It is the thread's own time, so that other programs on the machine do not count; `deed` looks for its elements
    before, since the driver looks for them in the page.
    """
    act = deed(page)
    browser.start_tracing(page=page, categories=["-*", "toplevel", "devtools.timeline", TIMELINE])
    act()
    page.wait_for_timeout(SETTLED)
    events = from_json(browser.stop_tracing())["traceEvents"]
    threads = {(each["pid"], each["tid"]) for each in events if each.get("args", {}).get("name") == "CrRendererMain"}
    spent = [
        float(each.get("tdur", each["dur"])) for each in events if each["name"] == "RunTask" and is_of(each, threads)
    ]
    assert spent, "the trace holds the page's work"
    return max(spent) / 1_000


def is_of(event: dict[str, Any], threads: set[tuple[int, int]]) -> bool:
    return "dur" in event and (event["pid"], event["tid"]) in threads


def write_words(page: Page) -> Callable[[], None]:
    field = page.get_by_role("textbox", name="Add a task")
    field.fill("")
    field.focus()
    return lambda: page.keyboard.type("water the plants in the garden", delay=50)


def tick_first(page: Page) -> Callable[[], None]:
    box = page.locator("task-row .circle").first.bounding_box()
    assert box is not None
    return lambda: page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


DEEDS: dict[str, Callable[[Page], Callable[[], None]]] = {"typing": write_words, "a tick": tick_first}
