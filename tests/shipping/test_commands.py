"""Every command of the operator's guide is one that the tests here run or know, or says that it was not run."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.cli.main import cli
from app.release.__main__ import release
from tests.architecture.ours import ROOT, list_files

PROMISES = ("operating-commands",)

GUIDE = sorted(name for name in list_files(".md") if name.startswith("docs/operating/"))
MARKS = {
    "docker": "(docker)",
    "kubectl": "(cluster)",
    "helm": "(cluster)",
    "dapr": "(cluster)",
    "gcloud": "(cloud)",
    "curl": "(proxy)",
    "systemctl": "(systemd)",
    "git": "(GitHub)",
    "gh": "(GitHub)",
}
"""What cannot be run where the tests run, and the mark that says so; docs/operating/README.md gives the reasons."""
RUN = {
    "bash": "its script is here",
    "chown": "tests/shipping/test_image_refusals.py",
    "pg_dump": "tests/shipping/test_compose_run.py",
    "pg_isready": "tests/shipping/test_compose_run.py",
    "podman": "tests/shipping/containers.py",
    "uvx": "tests/shipping/test_wheel.py",
}
"""Programs of others that tests run, and where."""
OURS = ("evolution-todo", "python3 run.py")
WRAPPERS = ("docker", "kubectl", "podman", "uvx")
ABSENT = re.compile(r"…|\[[^\]]*\]")
"""What a reader puts in, or leaves out."""


@dataclass(frozen=True)
class Command:
    """A command of a page, with the text in which its mark would stand."""

    page: str
    words: tuple[str, ...]
    around: str

    @property
    def program(self) -> str:
        return self.words[0]


def split(line: str) -> tuple[str, ...]:
    """Return the words of a command line, without settings before it and comments after it."""
    words = shlex.split(line, comments=True)
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    return tuple(words)


def find_commands(page: str) -> Iterator[Command]:
    text = (ROOT / page).read_text("utf-8")
    for match in re.finditer(r"```(\w*)\n(.*?)```", text, re.DOTALL):
        if match[1] != "bash":
            continue
        before = text[: match.start()].rstrip().rpartition("\n\n")[2]
        for line in match[2].replace("\\\n", " ").splitlines():
            words = split(line)
            if words:
                yield Command(page, words, f"{before}\n{line}")
    known = "|".join(map(re.escape, (*OURS, *MARKS, *RUN)))
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for paragraph in prose.split("\n"):
        for line in re.findall(rf"`((?:[A-Z_]+=\S+ )*(?:{known}) [^`]+)`", paragraph):
            yield Command(page, split(line), paragraph)


COMMANDS = [command for page in GUIDE for command in find_commands(page)]


def is_ours(command: Command) -> bool:
    return " ".join(command.words).startswith(OURS)


def find_inside(words: tuple[str, ...]) -> int:
    """Return where the command that runs inside a container begins; 0 where there is none: a namespace is none."""
    return next((n for n, word in enumerate(words) if n and word == "evolution-todo" and words[n - 1] != "-n"), 0)


def list_ours() -> list[Command]:
    """Return our own commands, also those that run inside a container."""
    inside = [
        Command(each.page, each.words[start:], each.around)
        for each in COMMANDS
        if each.program in WRAPPERS and (start := find_inside(each.words))
    ]
    return [each for each in [*COMMANDS, *inside] if is_ours(each)]


def test_the_guide_has_commands() -> None:
    assert len(COMMANDS) > 60
    assert {each.page for each in COMMANDS} >= {
        f"docs/operating/{name}.md" for name in ("compose", "kubernetes", "image")
    }


@pytest.mark.parametrize("page", GUIDE)
def test_what_was_not_run_here_says_so(page: str) -> None:
    bare = []
    for command in COMMANDS:
        mark = MARKS.get(command.program)
        if command.page == page and mark and mark not in command.around:
            bare.append(f"{mark} is missing: {' '.join(command.words)}")
    assert bare == []


@pytest.mark.parametrize("page", GUIDE)
def test_every_other_program_is_one_that_runs_here(page: str) -> None:
    others = {each.program for each in COMMANDS if each.page == page and not is_ours(each)}
    assert others - MARKS.keys() - RUN.keys() == set()


def test_each_mark_has_its_reason_and_is_used() -> None:
    reasons = (ROOT / "docs/operating/README.md").read_text("utf-8")
    for mark in MARKS.values():
        assert f"| **{mark}** | " in reasons, mark
    used = {mark for mark in MARKS.values() if any(mark in each.around for each in COMMANDS)}
    assert used == set(MARKS.values())


def test_what_runs_elsewhere_in_the_tests_is_there() -> None:
    for program, place in RUN.items():
        assert program == "bash" or program in (ROOT / place).read_text("utf-8"), place
    for command in COMMANDS:
        if command.program == "bash":
            assert (ROOT / command.words[1]).exists(), command.words


def is_known(words: tuple[str, ...]) -> bool:
    """Return whether a command and its options are known; asking for help reads them all and carries nothing out."""
    if words[0] == "test":
        return {*words[1:]} <= {"--long"}
    alone = typer.Typer(add_completion=False)
    alone.command()(release)
    program, rest = (alone, words[1:]) if words[0] == "release" else (cli, words)
    return CliRunner().invoke(program, [*rest, "--help"]).exit_code == 0


@pytest.mark.parametrize("command", list_ours(), ids=lambda each: f"{Path(each.page).stem}: {' '.join(each.words)}")
def test_a_command_of_ours_is_taken_with_its_options(command: Command) -> None:
    words = command.words[1 if command.program == "evolution-todo" else 2 :]
    kept = ABSENT.sub("", " ".join(words)).split()
    assert is_known(tuple(kept or ["serve"]))


@pytest.mark.parametrize("words", ["doctr", "person ad anna", "events tail --folow", "release --onlly wheel"])
def test_a_mistake_would_be_seen(words: str) -> None:
    assert not is_known(tuple(words.split()))
