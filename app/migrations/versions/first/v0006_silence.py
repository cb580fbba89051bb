"""The way to the newest published event of a type, of which somebody should have heard."""

from alembic import op

from events.sql import only_where

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add an index of what is published, by type and moment."""
    op.create_index(
        "ix_outbox_published",
        "outbox_entry",
        ["event_type", "published_at"],
        unique=False,
        **only_where("published_at IS NOT NULL"),
    )
