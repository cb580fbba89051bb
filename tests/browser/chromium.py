"""The Chromium that is installed on this machine, driven by playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

SHELL = "chromium-headless-shell"
"""The same engine without a browser around it: a window takes half the time. It has no push and no notifications."""
NAMES = ("chromium", "google-chrome")
MISSING = f"No Chromium is in PATH ({', '.join(NAMES)}); Debian has it as `apt-get install chromium`."


def do_without(why: str) -> None:
    """Skip a test for a missing program, with the reason; fail in continuous integration."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def find_chromium(*, whole: bool) -> str | None:
    """Return the path of a Chromium, if need be a whole browser; None if there is none."""
    names = NAMES if whole else (SHELL, *NAMES)
    return next((path for name in names if (path := shutil.which(name)) is not None), None)


@contextmanager
def run_chromium(*, whole: bool = False) -> Iterator[Browser]:
    """Run a Chromium; raises `FileNotFoundError` if there is none."""
    path = find_chromium(whole=whole)
    if path is None:
        raise FileNotFoundError(MISSING)
    flags = ["--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
    if os.geteuid() == 0:
        # The sandbox of Chromium refuses root.
        flags.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            browser.close()
