"""Recurring tasks: what a series and its instances add to the tasks; and the dead letters of a broker."""

import sqlalchemy as sa
from alembic import op

from events.sql import RowNumber, only_where

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ALIVE = only_where("deleted_at IS NULL")


def upgrade() -> None:
    """Add the columns and the table of recurrence; lead the indexes that lists walk along by the kind of task."""
    # SQLite adds a column that may not be empty only with a default; the models give the value themselves.
    op.add_column("task", sa.Column("kind", sa.String(), nullable=False, server_default="task"))
    op.add_column("task", sa.Column("recurring_id", sa.String(), nullable=True))
    op.add_column("task", sa.Column("occurrence", sa.String(), nullable=True))
    op.add_column("task", sa.Column("edited", sa.String(), nullable=False, server_default=""))
    op.add_column("task_tag", sa.Column("kind", sa.String(), nullable=False, server_default="task"))
    for name in ("ix_task_due", "ix_task_all"):
        op.drop_index(name, "task")
    op.drop_index("ix_task_tag_walk", "task_tag")
    op.create_index("ix_task_due", "task", ["user_id", "kind", "status", "deadline", "id"], **_ALIVE)
    op.create_index("ix_task_all", "task", ["user_id", "kind", "deadline", "id"], **_ALIVE)
    op.create_index(
        "ix_task_tag_walk", "task_tag", ["user_id", "kind", "folded", "status", "deadline", "task_id"], unique=False
    )
    op.create_index("ix_task_series", "task", ["recurring_id", "occurrence"], **only_where("recurring_id IS NOT NULL"))
    op.create_index(
        "ux_task_occurrence",
        "task",
        ["recurring_id", "occurrence"],
        unique=True,
        **only_where("recurring_id IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_table(
        "recurrence",
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("rule_text", sa.String(), nullable=False),
        sa.Column("first", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("catch_up", sa.String(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("reminders", sa.String(), nullable=False),
        sa.Column("skipped", sa.String(), nullable=False),
        sa.Column("newest", sa.String(), nullable=True),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("next_due", sa.String(), nullable=True),
        sa.Column("next_at", sa.String(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("task_id"),
    )
    op.create_index("ix_recurrence_next", "recurrence", ["next_at"], unique=False, **only_where("next_at IS NOT NULL"))
    op.create_index(
        "ix_recurrence_user",
        "recurrence",
        ["user_id", "next_due"],
        unique=False,
        **only_where("next_due IS NOT NULL"),
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("received_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
