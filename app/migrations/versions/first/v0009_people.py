"""Several people: their names, admins, disabled ones; the credentials that they show at the door, and their rates."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table; the person who is here already is nameless and on this machine."""
    op.add_column("person", sa.Column("name", sa.String(), nullable=True))
    op.add_column("person", sa.Column("name_key", sa.String(), nullable=True))
    op.add_column("person", sa.Column("is_admin", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("person", sa.Column("disabled_at", sa.String(), nullable=True))
    op.create_index("ux_person_name", "person", ["name_key"], unique=True)
    op.create_table(
        "credential",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=True),
        sa.Column("used_at", sa.String(), nullable=True),
        sa.Column("revoked_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ux_credential_digest", "credential", ["digest"], unique=True)
    op.create_index("ix_credential_user", "credential", ["user_id", "kind"], unique=False)
    op.create_index("ix_credential_parent", "credential", ["parent_id"], unique=False)
    op.create_table(
        "outside_login",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject"),
    )
    op.create_index("ix_outside_login_user", "outside_login", ["user_id"], unique=False)
    op.create_table(
        "rate",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
