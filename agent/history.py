"""The history that a model receives: as much as fits, and never a call without its result."""

from collections.abc import Sequence
from dataclasses import replace

from agent.messages import Message

_CHARACTERS_PER_TOKEN = 4
_SHORT = 2_000
CUT = "The beginning of this conversation is not shown to you any more; look up what you need, or ask."
"""What a model reads when earlier turns were left out."""
_SHORTENED = " … (cut: ask again for what is missing)"


def count_tokens(messages: Sequence[Message]) -> int:
    """Estimate the tokens of messages as a quarter of their characters, since no tokenizer fits every model."""
    size = sum(
        len(each.text) + sum(len(call.name) + len(call.arguments) + 20 for call in each.calls) + 10 for each in messages
    )
    return size // _CHARACTERS_PER_TOKEN


def trim_history(before: Sequence[Message], turn: Sequence[Message], budget: int) -> list[Message]:
    """Return the earlier messages and those of the current turn within a budget of tokens.

    Whole turns are dropped, oldest first. The current turn is kept; if it alone exceeds the budget, all its long
    results but the last are cut.
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
    """Return the messages with every result but the last one cut to its first 2,000 characters."""
    last = max((index for index, message in enumerate(messages) if message.role == "tool"), default=-1)
    return [
        replace(message, text=message.text[:_SHORT] + _SHORTENED)
        if message.role == "tool" and index != last and len(message.text) > _SHORT
        else message
        for index, message in enumerate(messages)
    ]
