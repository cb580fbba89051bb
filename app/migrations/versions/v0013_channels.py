"""Channels and what goes to them; quiet hours; reminders that are urgent or ring again."""

import sqlalchemy as sa
from alembic import op

from events.sql import RowNumber, only_where

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_WAITING = only_where("state = 'waiting'")


def upgrade() -> None:
    """Add the tables and the columns; nothing rings again until somebody asks for it."""
    op.add_column("person", sa.Column("quiet_from", sa.String(), nullable=True))
    op.add_column("person", sa.Column("quiet_until", sa.String(), nullable=True))
    op.add_column("person", sa.Column("nag_minutes", sa.Integer(), nullable=True))
    op.add_column("reminder", sa.Column("urgent", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("reminder", sa.Column("nag", sa.String(), nullable=True))
    op.add_column("reminder", sa.Column("rings", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("reminder", sa.Column("ring_at", sa.String(), nullable=True))
    op.create_index("ix_reminder_ring", "reminder", ["ring_at"], unique=False, **only_where("ring_at IS NOT NULL"))
    op.create_table(
        "presence",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("seen_until", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "service_key",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    _add_channels()
    _add_deliveries()


def _add_channels() -> None:
    op.create_table(
        "channel",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("events", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("secrets", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("next_at", sa.String(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.String(), nullable=True),
        sa.Column("paused_until", sa.String(), nullable=True),
        sa.Column("last_success_at", sa.String(), nullable=True),
        sa.Column("last_failure_at", sa.String(), nullable=True),
        sa.Column("last_failure", sa.String(), nullable=True),
        sa.Column("ended", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_channel_user", "channel", ["user_id"], unique=False)
    op.create_index("ix_channel_next", "channel", ["next_at"], unique=False, **only_where("next_at IS NOT NULL"))
    op.create_index("ix_channel_address", "channel", ["address"], unique=False)


def _add_deliveries() -> None:
    table = "channel_delivery"
    op.create_table(
        table,
        sa.Column("number", RowNumber, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("event_type", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("reminder_id", sa.String(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.String(), nullable=False),
        sa.Column("next_at", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("done_at", sa.String(), nullable=True),
        sa.Column("used", sa.String(), nullable=False),
        sa.Column("cleared", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("ux_channel_delivery", table, ["channel_id", "event_id", "what"], unique=True)
    op.create_index("ix_channel_delivery_channel", table, ["channel_id", "number"], unique=False)
    op.create_index("ix_channel_delivery_due", table, ["channel_id", "next_at"], unique=False, **_WAITING)
    op.create_index("ix_channel_delivery_expires", table, ["channel_id", "expires_at"], unique=False, **_WAITING)
    op.create_index("ix_channel_delivery_task", table, ["channel_id", "task_id", "number"], unique=False, **_WAITING)
    op.create_index(
        "ix_channel_delivery_rings", table, ["user_id", "task_id"], unique=False, **only_where("what = 'ring'")
    )
