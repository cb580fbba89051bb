"""When a task begins: not before this."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; every task has begun."""
    op.add_column("task", sa.Column("start", sa.String(), nullable=True))
    op.add_column("task", sa.Column("starts_at", sa.String(), nullable=True))
    op.add_column("recurrence", sa.Column("start", sa.String(), nullable=True))
