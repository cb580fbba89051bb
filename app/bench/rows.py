"""The rows of a benchmark: a measured value, its ratio to a base, and whether it meets its target."""

import os
import platform
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; without a target it only informs. `ratio_to` names the row that `ratio` refers to."""

    name: str
    value: float
    unit: str
    ratio_to: str | None = None
    ratio: float | None = None
    target: str | None = None
    met: bool | None = None

    def write(self) -> dict[str, Any]:
        """Return the JSON form."""
        shown: dict[str, Any] = {"name": self.name, "value": round(self.value, 3), "unit": self.unit}
        if self.ratio_to is not None and self.ratio is not None:
            shown["ratio_to"] = self.ratio_to
            shown["ratio"] = round(self.ratio, 3)
        return {**shown, "target": self.target, "met": self.met}


def hold(
    name: str,
    value: float,
    unit: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
) -> Row:
    """Return a row whose value has a bound as its target."""
    bounds: list[tuple[str, float, bool]] = []
    if at_most is not None:
        bounds.append(("<=", at_most, value <= at_most))
    if at_least is not None:
        bounds.append((">=", at_least, value >= at_least))
    if below is not None:
        bounds.append(("<", below, value < below))
    target = " and ".join(f"{sign} {bound:g} {unit}" for sign, bound, _ in bounds) or None
    return Row(name, value, unit, None, None, target, all(met for _, _, met in bounds) if bounds else None)


def compare(
    name: str,
    value: float,
    unit: str,
    other: tuple[str, float],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Row:
    """Return a row whose ratio to another row's value has a bound as its target."""
    to, base = other
    ratio = value / base if base else float("inf")
    if at_least is not None:
        return Row(name, value, unit, to, ratio, f">= {at_least:g} x", ratio >= at_least)
    if at_most is not None:
        return Row(name, value, unit, to, ratio, f"<= {at_most:g} x", ratio <= at_most)
    return Row(name, value, unit, to, ratio)


def pick(values: Sequence[float], share: float) -> float:
    """Return the quantile of unsorted values: `pick(times, 0.99)` is their p99."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


_PREFACE = """# Benchmarks

Written by `python3 run.py bench --write docs/benchmarks.md`: all of it measured in one run, in turns with servers that
do nothing. Ratios travel from machine to machine, values do not.
"""


def write_rows(rows: Sequence[Row], note: str, at: datetime) -> str:
    """Return the rows as a Markdown document that names the machine."""
    lines = [
        _PREFACE,
        f"{at:%Y-%m-%d}; {describe_machine()}.",
        *(["", note] if note else []),
        "",
        "| what | value | | ratio | of | target | met |",
        "|---|--:|---|--:|---|---|---|",
    ]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        met = "" if row.met is None else "yes" if row.met else "**no**"
        cells = (row.name, f"{row.value:,.2f}", row.unit, ratio, row.ratio_to or "", row.target or "", met)
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def describe_machine() -> str:
    """Return processor, memory and the versions that matter, in one line."""
    cores, pages = os.cpu_count() or 1, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    model = platform.processor() or platform.machine()
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.system()}"
    return f"{cores} x {model}, {pages / 2**30:.0f} GiB, {versions}"


def show_rows(rows: Sequence[Row], note: str = "") -> None:
    """Print the rows as a table."""
    table = Table(title="Evolution Todo, bench", caption=note or None)
    for heading, side in (("what", "left"), ("value", "right"), ("", "left"), ("x", "right"), ("of", "left")):
        table.add_column(heading, justify="right" if side == "right" else "left")
    table.add_column("target")
    table.add_column("met")
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        met = "" if row.met is None else "[green]yes[/green]" if row.met else "[red]NO[/red]"
        table.add_row(
            row.name, f"{row.value:,.2f}", row.unit, ratio, row.ratio_to or "", (row.target or "").strip(), met
        )
    Console(width=160).print(table)
