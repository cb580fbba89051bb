"""Each decision has the form of `docs/decisions/README.md` and its row in the index."""

import re

import pytest

from tests.architecture.ours import ROOT

FOLDER = ROOT / "docs/decisions"
INDEX = (FOLDER / "README.md").read_text("utf-8")
PAGES = sorted(path.name for path in FOLDER.glob("[0-9]*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_a_decision_has_the_form_and_its_row(page: str) -> None:
    text = (FOLDER / page).read_text("utf-8")
    title = re.match(r"# (\d{4})\. (.+)\n", text)
    dated = re.search(r"^Date: (\d{4}-\d{2}-\d{2})\. Status: (accepted|replaced by \d{4})\.$", text, re.MULTILINE)

    assert title is not None
    assert dated is not None
    assert page.startswith(f"{title[1]}-")
    assert {"## Decision", "## Enforced by"} <= set(text.splitlines())
    assert f"| [{title[1]}]({page}) | {title[2]} | {dated[1]} | {dated[2]} |" in INDEX


def test_every_row_is_a_page() -> None:
    assert re.findall(r"\]\((\d{4}-[^)]+)\)", INDEX) == PAGES
