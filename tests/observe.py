"""What the tests of rules and dashboard share: scrapes as series, alert rules evaluated, and promtool."""

import operator
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from infra.live.versions import read_at_least
from tests.architecture.ours import ROOT
from tests.world import World

OBSERVE = ROOT / "infra/observe"
SECONDS = 15
"""Between two scrapes, and between two evaluations of the rules."""
_TERM = re.compile(r"(max|min)\((todo_[a-z_]+)\) (==|<|>) ([0-9.e]+)")
_NAME = re.compile(r"todo_[a-z_]+")
_COMPARE: dict[str, Callable[[float, float], bool]] = {"==": operator.eq, "<": operator.lt, ">": operator.gt}


@cache
def load_rules() -> dict[str, dict[str, Any]]:
    """Return the alert rules by name."""
    (group,) = yaml.safe_load((OBSERVE / "rules.yaml").read_text("utf-8"))["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def holds(expression: str, sample: dict[str, float]) -> bool:
    """Return whether a rule's expression holds; one process is scraped, so that `max` and `min` are its value.

    A metric that is missing makes no alert, as in Prometheus.
    """
    found = False
    for term in expression.split(" or "):
        match = _TERM.fullmatch(term)
        assert match is not None, f"this test cannot read {term}"
        value = sample.get(match[2])
        found = found or (value is not None and _COMPARE[match[3]](value, float(match[4])))
    return found


@dataclass
class Scrapes:
    """Scrapes of one service, each a quarter of a minute after the one before."""

    world: World
    samples: list[dict[str, float]] = field(default_factory=list)

    async def go_on(self, minutes: float) -> None:
        """Let time go by with a scrape every quarter of a minute."""
        for _ in range(round(minutes * 60 / SECONDS)):
            self.world.clock.move(seconds=SECONDS)
            text = (await self.world.http.get("/metrics")).text
            families = text_string_to_metric_families(text)
            self.samples.append(
                {each.name: each.value for family in families for each in family.samples if not each.labels}
            )

    def list_firing(self) -> list[str]:
        """Return the alerts that fire at the last scrape: their expression has held for as long as they want."""
        return [
            name
            for name, rule in load_rules().items()
            if all(holds(rule["expr"], each) for each in self.samples[-1 - _steps(rule["for"]) :])
            and len(self.samples) > _steps(rule["for"])
        ]

    def write_test(self, folder: Path, firing: str) -> Path:
        """Write these scrapes as a test of promtool: that this alert, and it alone, fires at the end."""
        names = sorted(
            {name for each in self.samples for name in each if name in " ".join(map(str, load_rules().values()))}
        )
        series = [
            {"series": f'{name}{{instance="a"}}', "values": " ".join(str(each.get(name, "_")) for each in self.samples)}
            for name in names
        ]
        at = f"{(len(self.samples) - 1) * SECONDS}s"
        wanted = []
        for name, rule in load_rules().items():
            told = [{"exp_labels": rule["labels"], "exp_annotations": rule["annotations"]}] if name == firing else []
            wanted.append({"eval_time": at, "alertname": name, "exp_alerts": told})
        group = {"interval": f"{SECONDS}s", "input_series": series, "alert_rule_test": wanted}
        page = {"rule_files": [str(OBSERVE / "rules.yaml")], "evaluation_interval": f"{SECONDS}s", "tests": [group]}
        path = folder / f"{firing}.yaml"
        path.write_text(yaml.safe_dump(page), "utf-8")
        return path


def _steps(period: str) -> int:
    return int(period[:-1]) * (60 if period.endswith("m") else 1) // SECONDS


def run_promtool(*words: str | Path, given: str | None = None) -> str:
    """Run promtool and return what it says; skip without one that is new enough, with `CI=true` fail."""
    found = shutil.which("promtool") or "promtool"
    version = re.search(r"version (\d+)\.(\d+)", _run(found, "--version").stdout if shutil.which(found) else "")
    if version is None or (int(version[1]), int(version[2])) < read_at_least("promtool"):
        why = "promtool 2.42 or newer is needed: `apt-get install prometheus`"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)
    done = _run(found, *words, given=given)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _run(*words: str | Path, given: str | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*map(str, words)], check=False, input=given, capture_output=True, text=True)
