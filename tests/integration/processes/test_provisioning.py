"""The chain's programs are provisioned once and completely, or each missing one is reported in one sentence."""

import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.live import cache, machine, provision
from infra.live.chain import LiveChain, Plan
from infra.live.programs import LiveError, ToolsMissing
from infra.live.provision import Wanted, find_missing

HINTS = {"Go": "daprd", "Java": "`apt install default-jre-headless`", "Maven": "`apt install maven`"}


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without tools and without a cache; the folder is its PATH."""
    for name in ("JAVA_HOME", "TODO_KAFKA_BROKERS", "TODO_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return programs


def pretend(programs: Path, name: str, says: str) -> None:
    """Put a program that only prints its version on the bare machine's PATH."""
    path = programs / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n", "utf-8")
    path.chmod(0o755)


def test_each_missing_tool_is_one_sentence_with_what_to_do(bare_machine: Path) -> None:
    missing = find_missing(Wanted(postgres=False))

    assert [sentence.split()[0] for sentence in missing] == list(HINTS)
    assert all(hint in sentence for hint, sentence in zip(HINTS.values(), missing, strict=True))


def test_a_chain_without_its_tools_starts_nothing_and_says_all(bare_machine: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolsMissing) as caught, LiveChain(Plan(postgres=False)):
        pass

    assert len(str(caught.value).splitlines()) == len(HINTS)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("program", "says", "find"),
    [
        ("go", "go version go1.25.9 linux/amd64", machine.find_go),
        ("java", 'openjdk version "11.0.2" 2019-01-15', machine.find_java),
    ],
)
def test_a_tool_that_is_too_old_counts_as_missing(
    bare_machine: Path, program: str, says: str, find: Callable[[], Path]
) -> None:
    pretend(bare_machine, program, says)

    with pytest.raises(ToolsMissing):
        find()


def test_a_daprd_on_the_path_is_used_if_it_is_the_one_that_we_hold_to(bare_machine: Path) -> None:
    pretend(bare_machine, "daprd", "1.17.0")
    assert machine.find_installed_daprd() is None

    pretend(bare_machine, "daprd", "1.18.2")
    assert provision.provide_daprd(print) == bare_machine / "daprd"
    assert len(find_missing(Wanted(kafka=False, postgres=False))) == 0


def test_a_daprd_that_was_built_before_needs_no_go(bare_machine: Path) -> None:
    built = cache.find_cache() / f"{provision._name_daprd()}-go1.26.1/daprd"
    built.parent.mkdir(parents=True)
    built.touch()

    assert find_missing(Wanted(kafka=False, postgres=False)) == []
    assert provision.provide_daprd(print) == built


def test_a_service_that_already_runs_needs_no_tool(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODO_KAFKA_BROKERS", "kafka.example:9092")
    monkeypatch.setenv("TODO_DATABASE_URL", "postgresql://db.example/todo")

    assert Plan().wanted == Wanted(kafka=False, postgres=False)


def test_a_failed_build_leaves_nothing_and_is_repeated(bare_machine: Path) -> None:
    def fail(draft: Path) -> None:
        (draft / "half").touch()
        raise LiveError("the network is gone")

    with pytest.raises(LiveError):
        cache.provide("thing", fail, print)
    made = cache.provide("thing", lambda draft: (draft / "whole").touch(), print)

    assert [path.name for path in made.iterdir()] == ["whole"]


def make_slowly(
    folder: str, made: "multiprocessing.queues.Queue[int]", turn: "multiprocessing.synchronize.Event"
) -> None:
    os.environ["XDG_CACHE_HOME"] = folder

    def make(_: Path) -> None:
        made.put(os.getpid())
        turn.wait(30)

    cache.provide("thing", make, lambda _: turn.set())  # the waiting one lets the other proceed


def test_two_at_once_make_it_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    made, turn = context.Queue(), context.Event()
    both = [context.Process(target=make_slowly, args=(str(tmp_path), made, turn)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)

    assert [process.exitcode for process in both] == [0, 0]
    assert made.get(timeout=10) in {process.pid for process in both}
    assert made.empty()


@pytest.mark.parametrize("harm", ["changed", "missing", "added"])
def test_jars_that_are_not_the_expected_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    sums = tmp_path / "sums"
    sums.write_text("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  a.jar\n", "utf-8")  # of "test"
    monkeypatch.setattr(provision, "_SUMS", sums)
    jars = tmp_path / "jars"
    jars.mkdir()
    (jars / "a.jar").write_text("test", "utf-8")
    provision.check_sums(jars)
    if harm == "missing":
        (jars / "a.jar").unlink()
    else:
        (jars / {"changed": "a.jar", "added": "b.jar"}[harm]).write_text("other", "utf-8")

    with pytest.raises(LiveError, match=r"[ab]\.jar"):
        provision.check_sums(jars)


def test_read_only_folders_are_deleted_too(tmp_path: Path) -> None:
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    inner.chmod(0o500)

    cache.remove_tree(tmp_path / "a")

    assert not (tmp_path / "a").exists()


@pytest.mark.skipif(sys.platform == "win32" or shutil.which("sh") is None, reason="there is no shell")
def test_the_product_s_command_says_what_is_missing(bare_machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from typer.testing import CliRunner

    from app.cli.main import cli

    result = CliRunner().invoke(cli, ["live", "up"])

    assert result.exit_code == 1
    assert "`apt install maven`" in result.output
