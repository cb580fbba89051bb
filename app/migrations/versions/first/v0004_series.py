"""What a series remembers: the time that its first date was to have, and the date that comes when it goes on."""

from datetime import date, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the wall time of a first date that the clocks jump over, and the date that waits while a series rests."""
    op.add_column("recurrence", sa.Column("wall", sa.String(), nullable=True))
    op.add_column("recurrence", sa.Column("awaits", sa.String(), nullable=True))
    connection = op.get_bind()
    # Earlier versions derived it from the instance made last: if that is deleted and not the newest, it was withdrawn.
    found = connection.execute(
        sa.text(
            "SELECT r.task_id, r.newest FROM recurrence r JOIN task t ON t.recurring_id = r.task_id "
            "WHERE t.deleted_at IS NOT NULL AND t.completed_at IS NULL AND t.occurrence <> r.newest "
            "AND t.number = (SELECT max(number) FROM task WHERE recurring_id = r.task_id)"
        )
    ).all()
    for task_id, newest in found:
        connection.execute(
            sa.text("UPDATE recurrence SET awaits = :awaits WHERE task_id = :id"),
            {"awaits": _follow(newest), "id": task_id},
        )


def _follow(newest: str) -> str:
    """Return the date that was taken back: `newest` was set a day or a second before it."""
    if len(newest) == 10:
        return str(date.fromisoformat(newest) + timedelta(days=1))
    return f"{datetime.fromisoformat(newest).replace(tzinfo=None) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}Z"
