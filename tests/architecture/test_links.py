"""Every link between our pages leads to a file that exists, and to a heading that is there."""

import re
from pathlib import PurePosixPath

import pytest

from tests.architecture.ours import ROOT, list_files

LINK = re.compile(r"\]\(([^)\s#]*)(#[^)\s]*)?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
PAGES = list_files(".md")


def name_anchor(heading: str) -> str:
    """Return the anchor of a heading as forges make it."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return f"#{kept.strip().replace(' ', '-')}"


def find_broken(name: str) -> list[str]:
    text = CODE.sub("", (ROOT / name).read_text("utf-8"))
    broken = []
    for path, anchor in LINK.findall(text):
        if "://" in path or path.startswith("mailto:"):
            continue
        target = (ROOT / PurePosixPath(name).parent / path).resolve() if path else ROOT / name
        if not target.exists():
            broken.append(path)
        elif anchor and target.suffix == ".md":
            headings = HEADING.findall(target.read_text("utf-8"))
            broken += [] if anchor in map(name_anchor, headings) else [path + anchor]
    return broken


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    assert find_broken(name) == []


def test_a_link_is_found_where_there_is_one() -> None:
    assert LINK.findall("see [a](b.md#c) and [d](e.md)") == [("b.md", "#c"), ("e.md", "")]
    assert name_anchor("`live`: what *is* up?") == "#live-what-is-up"
