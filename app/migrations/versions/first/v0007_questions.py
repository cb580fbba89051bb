"""What a question is about, task by task, and when it was decided; and that somebody wants a turn to stop."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what was asked before has no list, and nothing that was decided has a time."""
    op.add_column("confirmation", sa.Column("about", sa.String(), nullable=False, server_default="{}"))
    op.add_column("confirmation", sa.Column("decided_at", sa.String(), nullable=True))
    op.create_index("ix_confirmation_decided", "confirmation", ["decided_at"], unique=False)
    op.add_column("turn", sa.Column("stop_wanted", sa.Boolean(), nullable=False, server_default=sa.false()))
