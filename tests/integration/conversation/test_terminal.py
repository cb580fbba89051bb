"""The chat in a terminal: lines in, answers out, and the same conversation resumed by another process."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.processes.test_processes import environment
from tests.world import lay_out_settings

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def database(tmp_path: Path, storage: str) -> None:
    asyncio.run(lay_out_settings(tmp_path))


def chat(folder: Path, *words: str, lines: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "evolution_todo", "chat", *words],
        env={**environment(folder), "COLUMNS": "160", **settings},
        cwd=ROOT,
        input=lines,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_lines_are_answered_and_calls_are_one_line_each(tmp_path: Path) -> None:
    said = chat(tmp_path, lines="add buy milk tomorrow at 5\nwhat is pending?\n/history\n/conversations\nundo\n/quit\n")
    assert said.returncode == 0, said.stderr
    shown = said.stdout
    assert "No language model is set" in shown
    assert "  ▸ create_task  buy milk" in shown
    assert '"buy milk" is saved, due' in shown
    assert "1. buy milk, due" in shown
    assert shown.index("1. buy milk") < shown.index("> add buy milk tomorrow at 5"), "the history comes after"
    [listed] = [line for line in shown.splitlines() if line.endswith("  add buy milk tomorrow at 5")]
    assert "Undone" in shown
    # Another process resumes the conversation.
    again = chat(tmp_path, "-m", "redo", "--conversation", listed.split()[0])
    assert again.returncode == 0, again.stdout + again.stderr
    assert "buy milk" in again.stdout


def test_the_person_agrees_in_the_terminal(tmp_path: Path) -> None:
    names = "ABCDEFGHIJ"
    lines = [f"add errand {name}" for name in names] + [f"delete errand {name}" for name in names]
    said = chat(tmp_path, lines="\n".join([*lines, "yes", "what is pending?"]) + "\n")
    assert said.returncode == 0, said.stderr
    assert said.stdout.count("do you agree?") == 1
    assert "  ▸ delete_task  " in said.stdout.rpartition("do you agree?")[2]
    assert "Open tasks" not in said.stdout, "nothing is left to list"


def test_what_cannot_be_answered_is_told_and_ends_with_1(tmp_path: Path) -> None:
    for words, told in (
        (("-m", "hello", "--model", "gpt-9"), "There is no model 'gpt-9' here."),
        (("-m", "hello", "--conversation", "nonsense"), "There is no such conversation."),
        (("-m", " "), "The message is empty."),
    ):
        said = chat(tmp_path, *words)
        assert (said.returncode, told in said.stdout) == (1, True), said.stdout + said.stderr
    away = chat(tmp_path, "-m", "hello", TODO_MODEL="qwen3", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert (away.returncode, "The model cannot be reached." in away.stdout) == (1, True), away.stdout
