"""The workflows on GitHub have the least rights, name what others made by commit, and call scripts that are here."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.ours import PYPROJECT, ROOT, list_files

PROMISES = ("workflows",)

WORKFLOWS = [name for name in list_files(".yml", ".yaml") if name.startswith(".github/workflows/")]
SCRIPT = re.compile(r"^(?:sudo --preserve-env=CI )?bash (?P<script>[\w./-]+)(?P<words>( [\w./-]+)*)$")
WRITES = {
    ("release", "image"): {"packages"},
    ("release", "join"): {"packages"},
    ("release", "index"): {"id-token"},
    ("release", "page"): {"contents"},
}
"""The jobs that may write, and what."""
SECRETS = {("release", "image"), ("release", "join"), ("release", "page")}
RUNNERS = {"ubuntu-24.04", "ubuntu-24.04-arm", "${{ matrix.runner }}"}
Job = tuple[str, str, dict[str, Any]]


def read(name: str) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((ROOT / name).read_text("utf-8"))
    return loaded


def list_jobs() -> Iterator[Job]:
    for name in WORKFLOWS:
        workflow = read(name)
        for job, said in workflow["jobs"].items():
            yield workflow["name"], job, said


JOBS = list(list_jobs())
NAMED = pytest.mark.parametrize("job", JOBS, ids=[f"{each[0]}-{each[1]}" for each in JOBS])


def test_there_are_all_three_kinds() -> None:
    assert {Path(name).stem for name in WORKFLOWS} == {"ci", "shipping", "release"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_begins_without_rights(name: str) -> None:
    workflow = read(name)
    assert workflow["permissions"] == {"contents": "read"}
    # YAML 1.1 reads the word `on` as true.
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(workflow[True])


@NAMED
def test_a_job_may_write_what_it_must(job: Job) -> None:
    workflow, name, said = job
    rights = {right for right, kind in said.get("permissions", {}).items() if kind != "read"}
    assert rights == WRITES.get((workflow, name), set())
    assert ("secrets." in str(said)) == ((workflow, name) in SECRETS)
    assert set(re.findall(r"secrets\.(\w+)", str(said))) <= {"GITHUB_TOKEN"}


@NAMED
def test_a_job_ends_in_time_on_a_named_system(job: Job) -> None:
    said = job[2]
    assert said["timeout-minutes"] <= 180
    assert said["runs-on"] in RUNNERS
    assert {each.get("runner", each) if isinstance(each, dict) else each for each in _matrix(said)} <= RUNNERS


def _matrix(said: dict[str, Any]) -> list[Any]:
    matrix = said.get("strategy", {}).get("matrix", {})
    return [*matrix.get("runner", ()), *matrix.get("include", ())]


@NAMED
def test_what_others_made_is_named_by_commit(job: Job) -> None:
    used = [step["uses"] for step in job[2]["steps"] if "uses" in step]
    assert used
    for each in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", each), each
    for step in job[2]["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_each_commit_says_which_version_it_is_and_is_the_same_everywhere() -> None:
    lines = [line for name in WORKFLOWS for line in (ROOT / name).read_text("utf-8").splitlines() if "uses:" in line]
    found = [re.search(r"uses: (\S+)@(\S+) # (v\d+\.\d+\.\d+)$", line) for line in lines]
    assert all(found), lines
    pins = {(match[1], match[2], match[3]) for match in found if match}
    assert len(pins) == len({name for name, _, _ in pins})


@NAMED
def test_it_calls_scripts_of_this_repository_and_nothing_else(job: Job) -> None:
    runs = [step["run"] for step in job[2]["steps"] if "run" in step]
    assert runs
    for line in runs:
        called = SCRIPT.match(line)
        assert called, f"not a script of ours: {line}"
        assert called["script"] in list_files()
        text = (ROOT / called["script"]).read_text("utf-8")
        for word in called["words"].split():
            known = f"\n  {word})" in text or word == "--long" or (ROOT / word).exists()
            assert known, f"{called['script']} does not know {word}"


@pytest.mark.parametrize("script", [".ci/run", ".ci/release", "infra/image/build.sh", "infra/image/publish.sh"])
def test_a_script_reads_well(script: str) -> None:
    assert subprocess.run(["bash", "-n", ROOT / script], check=False).returncode == 0
    assert "set -euo pipefail" in (ROOT / script).read_text("utf-8")


def call(script: str, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Call a script where no program publishes anything: only the shell's own are found."""
    tools = {"PATH": str(Path(shutil.which("sed") or "/bin/sed").parent), "HOME": "/nonexistent"}
    command = ["bash", str(ROOT / script), *words]
    return subprocess.run(command, env=tools | settings, capture_output=True, text=True, check=False)


def test_a_script_says_what_is_missing() -> None:
    for script in (".ci/release", "infra/image/publish.sh"):
        done = call(script, REPOSITORY="r.example/x")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    wrong = call(".ci/release", "make", TAG="v9.9.9")
    assert (wrong.returncode, wrong.stderr) == (
        1,
        f"release: the tag v9.9.9 is not v{PYPROJECT['project']['version']} of pyproject.toml\n",
    )
    given = {"REPOSITORY": "r.example/x", "PLATFORM": "amd64"}
    assert "not named by digest" in call("infra/image/publish.sh", "push", BASE="python:3.13-slim", **given).stderr
    assert (
        "REGISTRY_TOKEN is missing"
        in call("infra/image/publish.sh", "join", REPOSITORY="r.example/x", REGISTRY_USER="anna").stderr
    )


def test_a_release_is_pushed_built_and_joined_in_the_order_of_its_parts(tmp_path: Path) -> None:
    recorded, tools = tmp_path / "calls", tmp_path / "bin"
    tools.mkdir()
    (tools / "docker").write_text(f'#!/bin/sh\necho "$*" >> {recorded}\necho sha256:{"0" * 64}\n', "utf-8")
    (tools / "docker").chmod(0o755)
    found = f"{tools}:{os.environ['PATH']}"
    given = {"REPOSITORY": "R.example/Owner/x", "REGISTRY_USER": "anna", "REGISTRY_TOKEN": "secret", "PATH": found}
    for words in (("push",), ("join",)):
        done = call("infra/image/publish.sh", *words, PLATFORM="arm64", **given)
        assert done.returncode == 0, done.stderr
    calls = recorded.read_text("utf-8").splitlines()
    version = PYPROJECT["project"]["version"]
    assert [" ".join(line.split()[:2]) for line in calls] == [
        "buildx imagetools",
        "build --file",
        "login r.example",
        f"push r.example/owner/x:{version}-arm64",
        "login r.example",
        "buildx imagetools",
    ]
    assert f"BASE=docker.io/library/python:3.13-slim@sha256:{'0' * 64}" in calls[1]
    assert calls[-1].split()[3:] == [
        "--tag",
        f"r.example/owner/x:{version}",
        *(f"r.example/owner/x:{version}-{platform}" for platform in ("amd64", "arm64")),
    ]
    assert "secret" not in recorded.read_text("utf-8"), "a token is in no command line"
