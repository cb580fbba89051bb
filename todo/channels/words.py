"""What a reminder says where it rings."""

from typing import Any

from events.catalog import TaskEvent
from todo.text.display import quote_title


def say_ring(event: TaskEvent) -> str:
    """Return the sentence of a reminder that rings: title, due, and by how much it is late."""
    late = int(event.data["late_by_seconds"])
    text = f"Reminder{' again' if event.data.get('ring', 1) > 1 else ''}: {say_task(event.task)}"
    return f"{text} ({say_seconds(late)} late)" if late >= 60 else text


def say_task(task: dict[str, Any]) -> str:
    """Return a task's title in quotes, with its due if it has one."""
    title = quote_title(task["title"])
    return f"{title}, due {task['due_text']}" if "due_text" in task else title


def say_seconds(seconds: int) -> str:
    """Return a number of seconds in its largest whole unit."""
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"
