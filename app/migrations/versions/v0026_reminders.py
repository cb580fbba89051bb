"""A person's waiting reminders are found without those of all others, and a task's without its other ones."""

from alembic import op

from events.sql import only_where

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index(
        "ix_reminder_waiting",
        "reminder",
        ["user_id", "task_id"],
        unique=False,
        **only_where("status = 'scheduled'"),
    )
