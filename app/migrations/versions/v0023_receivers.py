"""The receiver of each channel, since many channels can share one."""

import sqlalchemy as sa
from alembic import op

from events.sql import only_where
from todo.channels.receivers import name_receiver

revision = "0023"
down_revision = "0021"
branch_labels = None
depends_on = None

_ALL = sa.text("SELECT id, kind, address FROM channel ORDER BY id")
_NAME = sa.text("UPDATE channel SET receiver = :receiver WHERE id = :key")


def upgrade() -> None:
    """Add the column, name the receiver of each channel, and let the index of what is due next hold it."""
    op.add_column("channel", sa.Column("receiver", sa.String(), nullable=False, server_default=""))
    connection = op.get_bind()
    if rows := connection.execute(_ALL).all():
        named = [{"key": row.id, "receiver": name_receiver(row.kind, row.address)} for row in rows]
        connection.execute(_NAME, named)
    op.drop_index("ix_channel_next", "channel")
    op.create_index(
        "ix_channel_next", "channel", ["next_at", "receiver", "id"], unique=False, **only_where("next_at IS NOT NULL")
    )
