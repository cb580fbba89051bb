"""Whether a task has begun is read from the index that finds what is open."""

from alembic import op

from events.sql import only_where

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the index of open tasks by due hold their starts: a count of the available ones read each task's row."""
    op.drop_index("ix_task_due", "task")
    op.create_index(
        "ix_task_due",
        "task",
        ["user_id", "kind", "status", "deadline", "id", "starts_at"],
        unique=False,
        **only_where("deleted_at IS NULL"),
    )
