"""The person's yes or no to what the agent asked for: never a model's, never an argument."""

from dataclasses import replace
from typing import Literal

from pydantic_core import to_json

from agent.conversations import Asked, drop_call, find_call
from agent.journal import Entry
from todo.errors import TodoError
from todo.record.work import Store, Who
from todo.requests.confirmations import decide_confirmation, read_confirmation

YES = frozenset(
    {
        *("yes", "y", "yes please", "yes i agree", "i agree", "agree", "agreed", "ok", "okay", "sure"),
        *("go ahead", "do it", "confirm", "ja", "oui", "si", "sí"),
    }
)
NO = frozenset({"no", "n", "no thanks", "no thank you", "cancel", "don't", "do not", "stop", "nein", "non"})

Decision = Literal["accept", "reject"]


def read_decision(message: str, *, with_code: bool) -> tuple[Decision, str | None] | None:
    """Return the decision that a message is, and nothing else is, with the code where one is needed."""
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
) -> Entry | str | None:
    """Decide the question that waits, if the message is a plain yes or no to one.

    Returns the call that waited, as the first entry of this turn's journal; or what the person is told instead; or
    nothing, if the message is no answer to a question.
    """
    decision = read_decision(message, with_code=conversation_id is None)
    if decision is None:
        return None
    asked = await store.read(who, lambda work: find_call(work, conversation_id, decision[1]))
    if asked is None:
        return None
    person = replace(who, kind="person")
    # The page's buttons decide first, and then say it in words.
    said = {"accept": "accepted", "reject": "rejected"}[decision[0]]
    try:
        state = (await store.read(person, lambda work: read_confirmation(work, asked.confirmation_id)))["state"]
        if state == "pending":
            await store.write(person, lambda work: decide_confirmation(work, asked.confirmation_id, decision[0]))
        elif state != said:
            return f"That question is decided already ({state}). Nothing was done."
    except TodoError as error:
        return f"{error.text} Nothing was done."
    await store.write(who, lambda work: drop_call(work, asked.confirmation_id))
    return "All right, nothing was done." if decision[0] == "reject" else _put_first(asked, turn_id)


def _put_first(asked: Asked, turn_id: str) -> Entry:
    call = {"call_id": f"{turn_id}-1", "name": asked.name, "arguments": to_json(asked.arguments).decode()}
    return Entry("answer", {"text": "", "calls": [call]})
