"""E-mail addresses are confirmed by their owner."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; addresses that are there already have to be confirmed too."""
    op.add_column("channel", sa.Column("confirmed_at", sa.String(), nullable=True))
