"""The orders in which people look at their tasks are read from indexes, and not sorted out of all tasks."""

from alembic import op
from sqlalchemy import text

from events.sql import only_where

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

ORDERS = {"created": "created_at", "priority": "priority", "completed": "coalesce(completed_at, '')"}


def upgrade() -> None:
    """Add an index for each order; each holds the status and the deadline, so that no row is read to pass it over."""
    for name, column in ORDERS.items():
        op.create_index(
            f"ix_task_{name}",
            "task",
            ["user_id", "kind", text(column), "id", "status", "deadline"],
            unique=False,
            **only_where("deleted_at IS NULL"),
        )
