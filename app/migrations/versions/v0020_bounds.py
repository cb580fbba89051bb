"""Tokens that are bound to lists, and conversations that are such a token's own."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; every token and every conversation stays as wide as it was."""
    op.add_column("credential", sa.Column("lists", sa.String(), nullable=True))
    op.add_column("conversation", sa.Column("bound_to", sa.String(), nullable=True))
