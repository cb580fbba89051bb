"""What a model is told of earlier turns: as much as fits, and never half of a call and its result."""

from collections.abc import Sequence
from dataclasses import replace

from agent.messages import Message

_CHARACTERS_PER_TOKEN = 4
_SHORT = 2_000
_CUT = " … (cut: ask again for what is missing)"


def count_tokens(messages: Sequence[Message]) -> int:
    """Return about how many tokens messages take: a quarter of their characters, as no tokenizer fits every model."""
    size = sum(
        len(each.text) + sum(len(call.name) + len(call.arguments) + 20 for call in each.calls) + 10 for each in messages
    )
    return size // _CHARACTERS_PER_TOKEN


def trim_history(before: Sequence[Message], turn: Sequence[Message], budget: int) -> list[Message]:
    """Return earlier messages and the present turn's within a budget of tokens.

    Whole turns are left out, oldest first; the present one stays whole, only long results of its earlier steps are
    cut if it alone is too large.
    """
    kept = shorten_results(turn) if count_tokens(turn) > budget else list(turn)
    turns: list[list[Message]] = []
    for message in before:
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    left = budget - count_tokens(kept)
    earlier: list[Message] = []
    for each in reversed(turns):
        left -= count_tokens(each)
        if left < 0:
            break
        earlier = [*each, *earlier]
    return [*earlier, *kept]


def shorten_results(messages: Sequence[Message]) -> list[Message]:
    """Return messages with all results but the last one cut to their beginning."""
    last = max((n for n, message in enumerate(messages) if message.role == "tool"), default=-1)
    return [
        replace(message, text=message.text[:_SHORT] + _CUT)
        if message.role == "tool" and n != last and len(message.text) > _SHORT
        else message
        for n, message in enumerate(messages)
    ]
