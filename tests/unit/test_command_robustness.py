"""The built-in commands: each sentence leads to its call, and a sentence in doubt changes nothing."""

import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.builtin.language import load_language
from agent.messages import Message
from tests.architecture.ours import ROOT
from tests.unit.command_replies import answer, ask

HONESTY = load_language().say("honesty")
MOST_TIMES = 60
"""How much longer than an ordinary sentence any text may take: the worst takes 27 times as long."""


@pytest.mark.parametrize(
    "text",
    [
        "a" * 10_000,
        "move " + "to " * 190,
        "rename " + "to as " * 95,
        "set the priority of " + "of for to as " * 40,
        "add " + "at 5 " * 118,
        "remind me " + "every monday " * 45,
        "remind me " + "to " * 190,
        "'" * 600,
        "“" * 600,
        "([{<|" * 100,
        "İ" * 500,
        "\u202eadd x\u0000\u200d🏳️‍🌈",
        "please " * 80,
        "tag " + "a " * 250,
    ],
)
def test_bad_input_is_answered_fast(text: str) -> None:
    ordinary = min(time_answer("remind me to buy milk and bread tomorrow at 5") for _ in range(5))
    assert min(time_answer(text) for _ in range(3)) < MOST_TIMES * ordinary


def time_answer(text: str) -> float:
    """Return the processor time of an answer in seconds, without what the sentences remember."""
    load_language().sentences._match.cache_clear()
    start = time.process_time()
    answer([Message("user", text)])
    return time.process_time() - start


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    ask(text)
    ask(f"add {text} tomorrow")
    ask(f"move {text} to {text}")


def test_no_key_of_the_language_stands_twice() -> None:
    """The loader would take the last one without a word."""

    def find_doubles(node: yaml.Node | None) -> list[str]:
        if isinstance(node, yaml.SequenceNode):
            return [each for child in node.value for each in find_doubles(child)]
        if not isinstance(node, yaml.MappingNode):
            return []
        keys = [str(key.value) for key, _ in node.value]
        below = [each for _, child in node.value for each in find_doubles(child)]
        return [key for key in keys if keys.count(key) > 1] + below

    text = (ROOT / "agent/builtin/languages/en.yaml").read_text("utf-8")
    assert find_doubles(yaml.compose(text, Loader=yaml.SafeLoader)) == []
