"""How long a person keeps the history of their tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; without a number the history is kept for ever."""
    op.add_column("person", sa.Column("history_days", sa.Integer(), nullable=True))
