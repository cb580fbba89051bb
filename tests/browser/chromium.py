"""The Chromium that is installed on this machine, driven by playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-headless-shell", "google-chrome")
MISSING = f"No Chromium is in PATH ({', '.join(NAMES)}); Debian has it as `apt-get install chromium`."


def do_without(why: str) -> None:
    """Skip a test for a missing program, with the reason; fail in continuous integration."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def find_chromium() -> str | None:
    """Return the path of a Chromium; None if there is none."""
    return next((path for name in NAMES if (path := shutil.which(name)) is not None), None)


@contextmanager
def run_chromium() -> Iterator[Browser]:
    """Run a Chromium; raises `FileNotFoundError` if there is none."""
    path = find_chromium()
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
