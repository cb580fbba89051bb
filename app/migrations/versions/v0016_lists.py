"""Lists of tasks, and their part in changes."""

import sqlalchemy as sa
from alembic import op

from events.sql import only_where

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_ALIVE = only_where("deleted_at IS NULL")


def upgrade() -> None:
    """Add the tables and the columns; every task is in the inbox."""
    op.create_table(
        "task_list",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("deleted_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ux_task_list_name", "task_list", ["user_id", "name_key"], unique=True, **_ALIVE)
    op.create_table(
        "change_list",
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("list_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("change_id", "list_id"),
    )
    op.add_column("task", sa.Column("list_id", sa.String(), nullable=True))
    op.add_column("calendar", sa.Column("list_id", sa.String(), nullable=True))
    op.create_index("ix_task_list", "task", ["user_id", "kind", "list_id", "status", "deadline", "id"], **_ALIVE)
