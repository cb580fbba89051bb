"""The person's yes or no to a question of the agent; neither a model nor a tool argument can give it."""

from dataclasses import replace

from pydantic_core import to_json

from agent.agreement import read_reply
from agent.entries import AnswerEntry
from agent.messages import ToolCall
from agent.unconfirmed_calls import drop_call, find_call
from todo.errors import TodoError
from todo.record.work import Store, Who
from todo.requests.confirmations import decide_confirmation, read_confirmation


async def take_decision(
    store: Store, who: Who, conversation_id: str | None, message: str, turn_id: str
) -> AnswerEntry | str | None:
    """Decide the question that waits, if the message is only a yes or a no to it.

    Returns the call that waited, as the first entry of this turn's journal; or the sentence that ends the turn; or
    None if the message does not answer a question.
    """
    reply = read_reply(message, with_code=conversation_id is None)
    if reply is None:
        return None
    verdict = reply.decision
    call = await store.read(who, lambda work: find_call(work, conversation_id, reply.code))
    if call is None:
        return None
    person = replace(who, kind="person")
    # The page's buttons decide first, and then send the decision in words too.
    decided = {"accept": "accepted", "reject": "rejected"}[verdict]
    try:
        question = await store.read(person, lambda work: read_confirmation(work, call.confirmation_id))
        if not reply.fits(question["action"], question["total"]):
            return None
        state = question["state"]
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
