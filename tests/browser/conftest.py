"""A browser per module; per test a server, a person's window, and a watch on errors and foreign requests."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from tests.browser.chromium import do_without, run_chromium
from tests.browser.served import Served, open_served
from tests.browser.spoken import Spoken

DESKTOP = {"width": 1200, "height": 800}
PHONE = {"width": 390, "height": 844}
BLOCKED = "Service Worker registration blocked by Playwright"
expect.set_options(timeout=8_000)


def needs_whole_browser(request: pytest.FixtureRequest) -> bool:
    return getattr(request.module, "WHOLE_BROWSER", False)


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """The engine alone; a whole browser for a module that says `WHOLE_BROWSER = True`."""
    # Per module, not per session: while its driver runs, no other event loop can run in this thread.
    try:
        running = run_chromium(whole=needs_whole_browser(request))
        opened = running.__enter__()
    except FileNotFoundError as why:
        do_without(str(why))
        raise
    try:
        yield opened
    finally:
        running.__exit__(None, None, None)


@pytest.fixture(scope="module")
def empty_data(tmp_path_factory: pytest.TempPathFactory, default_storage: None) -> Path:
    """A folder with a migrated database, as a template."""
    folder = tmp_path_factory.mktemp("empty")
    with open_served(folder):
        return folder


@pytest.fixture
def settings() -> dict[str, Any]:
    """Settings of the server that differ from the defaults; a module may have its own."""
    return {}


@pytest.fixture
def expected_complaints() -> list[str]:
    """What the browser may complain of in every test of a module."""
    return []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, default_storage: None) -> Iterator[Served]:
    """One service for all tests of a module that takes it as its `served`: each test has tasks of its own."""
    with open_served(tmp_path_factory.mktemp("shared")) as server:
        server.rest("POST", "/read", {"text": "x"})
        yield server


@pytest.fixture
def served(tmp_path: Path, empty_data: Path, settings: dict[str, Any]) -> Iterator[Served]:
    shutil.copytree(empty_data, tmp_path / "data")
    with open_served(tmp_path / "data", **settings) as server:
        yield server


@pytest.fixture
def spoken() -> Spoken:
    return Spoken()


@dataclass
class Watch:
    """A window's requests and errors; a test declares its expected errors beforehand."""

    home: str
    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        self.allowed.append(pattern)

    def follow(self, page: Page) -> None:
        page.on("request", self._see_request)
        page.on("console", self._see_message)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _see_request(self, request: Request) -> None:
        if urlsplit(request.url).scheme in ("http", "https") and not request.url.startswith(f"{self.home}/"):
            self.foreign.append(request.url)

    def _see_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")

    def judge(self) -> None:
        assert not self.foreign
        assert not [each for each in self.complaints if not any(re.search(known, each) for known in self.allowed)]


@dataclass
class Windows:
    """Opens windows on the page, each with its own storage."""

    browser: Browser
    served: Served
    spoken: Spoken | None
    """None: the service itself converses."""
    watch: Watch
    workers: bool
    """Whether the page may have its service worker."""
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, path: str = "/", **looks: Any) -> Page:
        """Open one and wait until it is ready."""
        # Each of these two doubles what a window costs: the worker fetches all parts once more, and a scripted
        # conversation has each request pass through the driver.
        workers = "allow" if self.workers else "block"
        usual = {"viewport": DESKTOP, "timezone_id": "Europe/Berlin", "reduced_motion": "reduce"}
        context = self.browser.new_context(**{"service_workers": workers, **usual, **looks})
        self.contexts.append(context)
        if self.spoken is not None:
            self.spoken.install(context)
        page = context.new_page()
        self.watch.follow(page)
        page.goto(f"{self.served.url}{path}")
        if path == "/":
            wait_ready(page)
        return page


def wait_ready(page: Page) -> None:
    page.wait_for_selector("html[data-ready]")


@pytest.fixture
def windows(
    request: pytest.FixtureRequest, browser: Browser, served: Served, expected_complaints: list[str]
) -> Iterator[Windows]:
    """Windows on the page; the conversation is scripted for a test that asks for `spoken`."""
    watch = Watch(served.url, allowed=[BLOCKED, *expected_complaints])
    spoken = request.getfixturevalue("spoken") if "spoken" in request.fixturenames else None
    opened = Windows(browser, served, spoken, watch, workers=needs_whole_browser(request))
    try:
        yield opened
    finally:
        for context in opened.contexts:
            context.close()
    watch.judge()


@pytest.fixture
def page(windows: Windows) -> Page:
    """One window of desktop size."""
    return windows.open()


@pytest.fixture
def watch(windows: Windows) -> Watch:
    return windows.watch


@pytest.fixture
def artefacts(tmp_path: Path) -> Path:
    """The folder for pictures: `TODO_TEST_ARTEFACTS`, or a temporary one."""
    folder = Path(os.environ.get("TODO_TEST_ARTEFACTS") or tmp_path / "artefacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
