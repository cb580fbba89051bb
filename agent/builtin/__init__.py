"""The built-in commands: a grammar in `languages` that answers when no model is set.

Read `commands` (the entry point), `sentences` (the grammar), `intents` (from a sentence to a tool call), `time_phrases`
(times in words).
"""
