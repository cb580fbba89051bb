"""The person's yes or no to a question of the agent; neither a model nor a tool argument can give it."""

from dataclasses import replace
from typing import Literal

from pydantic_core import to_json

from agent.entries import AnswerEntry
from agent.messages import ToolCall
from agent.unconfirmed_calls import drop_call, find_call
from todo.errors import TodoError
from todo.record.work import Store, Who
from todo.requests.confirmations import decide_confirmation, read_confirmation

YES = frozenset(
    {
        "yes",
        "y",
        "yes please",
        "yes i agree",
        "i agree",
        "agree",
        "agreed",
        "ok",
        "okay",
        "sure",
        "go ahead",
        "do it",
        "confirm",
        "ja",
        "oui",
        "si",
        "sí",
    }
)
NO = frozenset({"no", "n", "no thanks", "no thank you", "cancel", "don't", "do not", "stop", "nein", "non"})

Decision = Literal["accept", "reject"]


def read_decision(message: str, *, with_code: bool) -> tuple[Decision, str | None] | None:
    """Parse a message that is only a yes or a no, with its code if one is required; else return None."""
    words = " ".join(message.casefold().strip(" .!").replace(",", " ").replace("\u2019", "'").split())
    code: str | None = None
    if with_code:
        words, _, code = words.rpartition(" ")
    if words in YES:
        return "accept", code
    if words in NO:
        return "reject", code
    return None


async def take_decision(
    store: Store, who: Who, conversation_id: str | None, message: str, turn_id: str
) -> AnswerEntry | str | None:
    """Decide the question that waits, if the message is a plain yes or no to one.

    Returns the call that waited, as the first entry of this turn's journal; or the sentence that ends the turn; or
    None if the message does not answer a question.
    """
    decision = read_decision(message, with_code=conversation_id is None)
    if decision is None:
        return None
    verdict, code = decision
    call = await store.read(who, lambda work: find_call(work, conversation_id, code))
    if call is None:
        return None
    person = replace(who, kind="person")
    # The page's buttons decide first, and then send the decision in words too.
    decided = {"accept": "accepted", "reject": "rejected"}[verdict]
    try:
        state = (await store.read(person, lambda work: read_confirmation(work, call.confirmation_id)))["state"]
        if state == "pending":
            await store.write(person, lambda work: decide_confirmation(work, call.confirmation_id, verdict))
        elif state != decided:
            return f"That question is decided already ({state}). Nothing was done."
    except TodoError as error:
        return f"{error.text} Nothing was done."
    await store.write(who, lambda work: drop_call(work, call.confirmation_id))
    if verdict == "reject":
        return "All right, nothing was done."
    return AnswerEntry("", (ToolCall(f"{turn_id}-1", call.name, to_json(call.arguments).decode()),))
