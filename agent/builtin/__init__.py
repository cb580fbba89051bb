"""The built-in commands: what answers when no model is set, from a grammar in `languages`.

Read `commands` (the entry), `sentences` (the grammar), `intents` (what a sentence means), `time_phrases` (times in
words).
"""
