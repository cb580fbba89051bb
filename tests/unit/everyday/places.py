"""Everyday sentences on where a task stands and when it begins, on Wednesday 2 December 2026 at 15:25."""

from typing import Any

PLACES: list[tuple[str, str, dict[str, Any]]] = [
    ("add cake as a subtask of the party", "create_task", {"parent_id": "T", "title": "cake"}),
    ("subtask of the party: music", "create_task", {"parent_id": "T", "title": "music"}),
    (
        "add a step to the party: order the cake by friday",
        "create_task",
        {"parent_id": "T", "title": "order the cake", "due": "2026-12-04"},
    ),
    ("add a subtask invitations to the party", "create_task", {"parent_id": "T", "title": "invitations"}),
    (
        "new step for the party: hang the lights !high",
        "create_task",
        {"parent_id": "T", "title": "hang the lights", "priority": "high"},
    ),
    ("show the subtasks of the party", "find_tasks", {"parent_id": "T", "status": "all"}),
    ("what is under the party", "find_tasks", {"parent_id": "T", "status": "all"}),
    ("add change the tyres not before monday", "create_task", {"title": "change the tyres", "start": "2026-12-07"}),
    ("add change the tyres not until monday", "create_task", {"title": "change the tyres", "start": "2026-12-07"}),
    ("add call mum starting monday", "create_task", {"title": "call mum", "start": "2026-12-07"}),
    ("add exam prep start on monday", "create_task", {"title": "exam prep", "start": "2026-12-07"}),
    ("buy paint not before friday", "create_task", {"title": "buy paint", "start": "2026-12-04"}),
    (
        "add taxes by 20 december not before 10 december",
        "create_task",
        {"title": "taxes", "due": "2026-12-20", "start": "2026-12-10"},
    ),
    (
        "add gym every monday starting 14 december",
        "create_recurring_task",
        {"title": "gym", "rule": "FREQ=WEEKLY;BYDAY=MO", "first_due": "2026-12-14"},
    ),
    ("start the tyres on monday", "update_task", {"task_id": "T", "start": "2026-12-07"}),
    ("the tyres can wait until monday", "update_task", {"task_id": "T", "start": "2026-12-07"}),
    ("don't start the tyres before friday at 9", "update_task", {"task_id": "T", "start": "2026-12-04T09:00"}),
    ("hide the tyres until next week", "update_task", {"task_id": "T", "start": "2026-12-07"}),
    ("clear the start of the tyres", "update_task", {"task_id": "T", "clear": ["start"]}),
    ("what can I do now?", "find_tasks", {"available": True}),
    ("add milk to list shopping", "create_task", {"title": "milk", "list": "shopping"}),
    ("move the tyres to list Garden", "update_task", {"task_id": "T", "list": "Garden"}),
    ("show list shopping", "find_tasks", {"list": "shopping"}),
    (
        "move everything in my shopping list to my home list",
        "plan_changes",
        {"filter": {"list": "shopping"}, "change": {"list": "home"}},
    ),
    (
        "move everything in my garden list to saturday",
        "plan_changes",
        {"filter": {"list": "garden"}, "change": {"due": "2026-12-05"}},
    ),
    (
        "complete everything on my shopping list",
        "plan_changes",
        {"filter": {"list": "shopping"}, "change": {"complete": True}},
    ),
    ("how many tasks are overdue?", "find_tasks", {"status": "overdue"}),
]
"""Sentences, and the call that they end with."""

UNSURE: list[tuple[str, str]] = [
    ("add a step to the party: sing every monday", "A subtask comes with the task above it"),
    ("the tyres can wait until somewhen", "I cannot read “somewhen” as a time"),
    ("change the tyres not before monday", "Shall I add “change the tyres not before m"),
]
"""Sentences that change nothing, and how the answer begins."""
