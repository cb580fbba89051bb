"""Row-level security on PostgreSQL, which `app/migrations/walls.py` makes from the tables after this version."""

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change no table: the version only makes every database ask for its migration."""
