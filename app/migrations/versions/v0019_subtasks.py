"""Tasks below tasks, and the subtasks that a series gives each of its instances."""

import sqlalchemy as sa
from alembic import op

from events.sql import only_where

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; every task stands by itself."""
    op.add_column("task", sa.Column("parent_id", sa.String(), nullable=True))
    op.add_column("task", sa.Column("has_subtasks", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("recurrence", sa.Column("subtasks", sa.String(), nullable=True))
    op.create_index("ix_task_parent", "task", ["parent_id"], **only_where("parent_id IS NOT NULL"))
