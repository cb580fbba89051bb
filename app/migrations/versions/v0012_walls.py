"""Row-level security on PostgreSQL: what stands here only asks for the migration, which raises the walls itself.

They follow from the tables, in `app/migrations/walls.py`, after this version and every later one.
"""

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change no table."""
