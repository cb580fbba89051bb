"""Connections: programs that ask for them, the steps of an authorization, and whose a connection is."""

import sqlalchemy as sa
from alembic import op

from events.sql import only_where

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two tables and the column."""
    op.add_column("credential", sa.Column("client_id", sa.String(), nullable=True))
    op.create_index(
        "ix_credential_client", "credential", ["client_id"], unique=False, **only_where("client_id IS NOT NULL")
    )
    op.create_table(
        "oauth_client",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("metadata_json", sa.String(), nullable=False),
        sa.Column("secret_digest", sa.String(), nullable=True),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("used_at", sa.String(), nullable=True),
        sa.Column("fresh_until", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "oauth_step",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("request_json", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_oauth_step_expires", "oauth_step", ["expires_at"], unique=False)
    op.create_index("ix_oauth_step_user", "oauth_step", ["user_id"], unique=False)
