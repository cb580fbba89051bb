"""Every command of the operator's guide is one that the tests here run or know, or says that it was not run."""

import itertools
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.cli.main import cli
from app.release.__main__ import release
from app.settings import Settings
from infra.judge.composition import COMPOSE, load_composition
from infra.live.cache import Say
from tests.architecture.ours import ROOT, list_files
from tests.shipping.conftest import Overlays, needing_tools
from tests.shipping.manifests import find_values, list_pods

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


def read_fences(page: str) -> list[str]:
    """Return the language of each block of code."""
    return re.findall(r"^```(\S*)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)[::2]


def test_the_guide_has_commands() -> None:
    assert len(COMMANDS) > 60
    assert {each.page for each in COMMANDS} >= {
        f"docs/operating/{name}.md" for name in ("compose", "kubernetes", "image")
    }


@pytest.mark.parametrize("page", GUIDE)
def test_each_block_says_what_it_is_so_that_no_command_is_overlooked(page: str) -> None:
    assert "" not in read_fences(page)


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


def test_each_file_that_a_command_names_is_there() -> None:
    words = {word for each in COMMANDS for word in each.words if re.match(r"(infra|docs|examples|tests|\.ci)/", word)}
    assert len(words) > 5
    assert [word for word in sorted(words) if not (ROOT / word).exists()] == []


def test_each_setting_that_a_page_names_is_one() -> None:
    known = {str(field.validation_alias or f"TODO_{name.upper()}") for name, field in Settings.model_fields.items()}
    variables = COMPOSE.read_text("utf-8") + (ROOT / "infra/image/build.sh").read_text("utf-8")
    known |= set(re.findall(r"\$\{(\w+):-", variables)) | {"TODO_KAFKA_BROKERS"}
    for page in GUIDE:
        named = set(re.findall(r"\bTODO_[A-Z_]+[A-Z](?![A-Z_…])", (ROOT / page).read_text("utf-8")))
        assert {name for name in named if name.removesuffix("_FILE") not in known} == set(), page


# Compose and Kubernetes


def split_options(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the options of `docker compose` itself, and its subcommand with what follows."""
    options: list[str] = []
    rest = list(words)
    while rest and rest[0] in ("-f", "--env-file", "--profile"):
        options += rest[:2]
        rest = rest[2:]
    return options, rest


def find_service(rest: Sequence[str]) -> str:
    """Return the service that a subcommand names; "" for those that are about all."""
    named = [word for word in rest[1:] if not word.startswith("-")]
    return named[0] if named else ""


COMPOSED = [each for each in COMMANDS if each.words[:2] == ("docker", "compose")]


@pytest.mark.parametrize("command", COMPOSED, ids=lambda each: " ".join(each.words[2:])[:120])
def test_docker_compose_finds_what_a_command_names(composition: Path, say: Say, command: Command) -> None:
    options, rest = split_options(command.words[2:])
    assert rest[0] in {"up", "exec", "logs"}
    placed = [str(composition / word) if word.startswith("infra/") else word for word in options]
    with needing_tools():
        services = load_composition(placed, {}, say)["services"]
    assert find_service(rest) in {"", *services}, "a service of the profiles that the command names"


def test_a_service_of_another_profile_would_be_seen(composition: Path, say: Say) -> None:
    with needing_tools():
        assert "worker" not in load_composition(["-f", composition / "infra/compose.yaml"], {}, say)["services"]
    assert find_service(["exec", "worker", "evolution-todo", "doctor"]) == "worker"


ASKED = [each for each in COMMANDS if each.program == "kubectl"]
NAMESPACES = {"evolution-todo", "dapr-system"}
INJECTED = "daprd"


def read_kubectl(words: Sequence[str]) -> dict[str, str]:
    """Return what a command of kubectl names, each by the word or the option before it."""
    named = {}
    for before, word in itertools.pairwise(words[: words.index("--")] if "--" in words else words):
        if before in ("-n", "-c", "-k", "job", "generic", "namespace"):
            named[before] = word
        if "/" in word and word.split("/")[0] in ("job", "deploy"):
            named[word.split("/")[0]] = word.split("/")[1]
    return named


@pytest.mark.parametrize("command", ASKED, ids=lambda each: " ".join(each.words[1:])[:120])
def test_kubectl_would_find_what_a_command_names(overlays: Overlays, command: Command) -> None:
    named = read_kubectl(command.words)
    pods, keys = list_pods(overlays["single"]), dict[str, set[str]]()
    for pod in pods.values():
        for secret in find_values(pod, "secret"):
            name = secret.get("name") or secret["secretName"]
            keys.setdefault(name, set()).update(each["key"] for each in secret["items"])
        for reference in find_values(pod, "secretKeyRef"):
            keys.setdefault(reference["name"], set()).add(reference["key"])
    assert {named.get("-n", "evolution-todo"), named.get("namespace", "evolution-todo")} <= NAMESPACES
    if "-k" in named:
        assert (ROOT / named["-k"] / "kustomization.yaml").exists()
    for kind in ("job", "deploy"):
        assert named.get(kind, "evolution-todo-api") in pods
    if "-c" in named:
        containers = {each["name"] for each in pods[named["deploy"]]["spec"]["containers"]}
        assert named["-c"] in containers | {INJECTED}
    if "generic" in named:
        given = {word.split("=")[1] for word in command.words if word.startswith("--from-literal=")}
        assert given == keys[named["generic"]]


@pytest.mark.parametrize("words", ["doctr", "person ad anna", "events tail --folow", "release --onlly wheel"])
def test_a_mistake_would_be_seen(words: str) -> None:
    assert not is_known(tuple(words.split()))
