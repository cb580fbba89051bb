"""A tiny bench run prints every row well formed; its figures are not judged."""

import pytest

from app.bench.rows import compare, hold, show_rows
from app.bench.run import Plan, measure_all

pytestmark = pytest.mark.anyio


@pytest.mark.long("minutes")
async def test_a_tiny_run_gives_well_formed_rows(capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(quick=True, tiny=True)

    rows = await measure_all(plan)

    names = [row.name for row in rows]
    assert len(names) == len(set(names))
    for part in (
        "MCP create_task, relay held",
        "REST create",
        "commit to reaction",
        "find: one tag",
        "tick, 10 due",
        "chat: CPU of a turn",
        "200 idle streams",
        "apply_plan of 100",
        "undo of these 100",
        "of it the history",
        "MCP create_task, traces at 5 %",
        "scrape: p99",
        "retention: longest transaction",
        "import of 300 tasks",
        "export",
        "backup of",
        "serve, idle",
    ):
        assert any(name.startswith(part) for name in names), part
    for row in rows:
        shown = row.write()
        assert shown.keys() - {"ratio_to", "ratio"} == {"name", "value", "unit", "target", "met"}
        assert shown["value"] >= 0
        assert (shown["target"] is None) == (shown["met"] is None)
    show_rows(rows, plan.note)
    assert "do not count" in capsys.readouterr().out


def test_a_bound_is_held_or_missed() -> None:
    assert hold("a", 3, "ms", below=4).met
    assert hold("a", 4, "ms", below=4).met is False
    assert compare("a", 30, "calls/s", ("b", 100), at_least=0.3).met
    assert compare("a", 3, "ms", ("b", 1), at_most=1.5).met is False
