"""Synonyms: other words that callers use for values and names of arguments."""

SYNONYMS: dict[frozenset[str], dict[str, str]] = {
    frozenset({"none", "low", "medium", "high"}): {
        "high": "p1 1 urgent highest important critical",
        "medium": "p2 2 normal med",
        "low": "p3 3 lowest",
        "none": "p4 4 no off",
    },
    frozenset({"open", "completed", "overdue", "all"}): {
        "completed": "done closed complete finished",
        "open": "todo to_do pending active",
        "all": "any",
        "overdue": "late",
    },
}
"""Other words for an enum's values, by the enum's whole set of values, so that no other enum is touched."""

NEAR_NAMES: dict[str, str] = {
    **dict.fromkeys(("task_id", "reminder_id", "plan_id"), "id task todo_id"),
    "title": "name summary content",
    "notes": "description note details body",
    **dict.fromkeys(("due", "first_due"), "deadline due_date due_at date"),
    "tags": "label labels categories",
    "text": "query search q",
    "zone": "timezone tz",
    "list": "project folder category list_name list_id",
    "parent_id": "parent parent_task",
    "subtasks": "children checklist steps items",
    "start": "start_date not_before defer defer_until",
    "rule": "rrule repeat recurrence",
}
"""Names that callers write for our arguments; they are suggested, never accepted."""
