"""axe-core, which judges accessibility: fetched once by npm, verified, and kept in the user's cache directory."""

import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from infra.live.cache import provide
from tests.browser.chromium import do_without

VERSION = "4.14.1"
SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
RUN = """async (within) => {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await axe.run(within, { runOnly: tags });
  return violations.map((each) => ({ id: each.id, help: each.help, nodes: each.nodes.map((node) => node.html) }));
}"""


class NoAxe(Exception):
    """axe-core is not in the cache and cannot be fetched."""


def find_axe() -> str:
    """Return axe-core's source; without it the calling test is skipped, or fails in continuous integration."""
    try:
        return (provide(f"axe-core-{VERSION}", _fetch, lambda _text: None) / "axe.min.js").read_text("utf-8")
    except NoAxe as why:
        do_without(str(why))
        raise


def _fetch(draft: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NoAxe("There is no npm to fetch axe-core with; Debian has it as `apt-get install npm`.")
    command = [npm, "pack", f"axe-core@{VERSION}", "--ignore-scripts"]
    done = subprocess.run(command, cwd=draft, capture_output=True, text=True, check=False)
    packed = draft / f"axe-core-{VERSION}.tgz"
    if done.returncode or not packed.is_file():
        raise NoAxe(f"npm cannot fetch axe-core {VERSION}; is its registry reachable?")
    if hashlib.sha256(packed.read_bytes()).hexdigest() != SHA256:
        raise AssertionError(f"axe-core {VERSION} is not what it was when its checksum was noted")
    with tarfile.open(packed) as archive:
        for name in ("axe.min.js", "LICENSE"):
            member = archive.extractfile(f"package/{name}")
            assert member is not None
            (draft / name).write_bytes(member.read())
    packed.unlink()


def judge(page: Page, source: str, within: str = "html") -> list[dict[str, Any]]:
    """Return axe's violations on a page, or on a part of it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(source)
    found: list[dict[str, Any]] = page.evaluate(RUN, within)
    return found
