"""An index on when changes were made: the losses of one client add up over ten minutes."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_change_at", "change", ["user_id", "at"], unique=False)
