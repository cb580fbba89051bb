"""The refusals of the conversation, as subclasses of `TodoError`.

TodoError
├── ConversationNotFound  conversation_not_found
├── ConversationBusy      conversation_busy
├── MessageTooLong        message_too_long
└── UnknownModel          model_not_found
"""

from todo.errors import TodoError


class ConversationNotFound(TodoError):
    """The conversation does not exist or belongs to someone else; the two look the same."""

    code = "conversation_not_found"


class ConversationBusy(TodoError):
    """An earlier message of this conversation is still being answered."""

    code = "conversation_busy"


class MessageTooLong(TodoError):
    """The message is longer than the limit."""

    code = "message_too_long"


class UnknownModel(TodoError):
    """No model has this name."""

    code = "model_not_found"
