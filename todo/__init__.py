"""The product and its rules: plain synchronous functions on one open transaction, without a framework.

Read from the bottom: `text` and `recurrence` are pure; `record` holds rows, views and the recorded change; `requests`
holds the arguments, the retry-safe call and what a person must confirm; `reminders`, `series`, `tasks` and `undo` are
the use cases; `scheduler` does what time makes due.
"""
