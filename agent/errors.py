"""The refusals of the conversation, in the family of the product's own.

TodoError
├── ConversationNotFound  conversation_not_found
├── ConversationBusy      conversation_busy
├── MessageTooLong        message_too_long
└── UnknownModel          model_not_found
"""

from todo.errors import TodoError


class ConversationNotFound(TodoError):
    """No such conversation, or it belongs to somebody else: the two look the same."""

    code = "conversation_not_found"


class ConversationBusy(TodoError):
    """Another message of this conversation is being answered."""

    code = "conversation_busy"


class MessageTooLong(TodoError):
    """The message is longer than a person writes."""

    code = "message_too_long"


class UnknownModel(TodoError):
    """No model of this name answers here."""

    code = "model_not_found"
