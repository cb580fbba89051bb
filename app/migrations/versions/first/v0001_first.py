"""The first schema: tasks, reminders, changes, requests, outbox, deliveries, reactions, lease, search."""

import sqlalchemy as sa
from alembic import op

from events.sql import RowNumber, only_where

# Of the folded words, each as it is: no parser of PostgreSQL's cuts them another way. A lexeme has at most 2,046 bytes.
WORDS_VECTOR = (
    "array_to_tsvector(array_remove(string_to_array(regexp_replace(words, '([^ ]{250})[^ ]+', '\\1', 'g'), ' '), ''))"
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table and the search index."""
    op.create_table(
        "activity",
        sa.Column("seq", RowNumber, nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("timestamp", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index("ix_activity_user", "activity", ["user_id", "seq"], unique=False)
    op.create_table(
        "change",
        sa.Column("seq", RowNumber, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("ix_change_origin", "change", ["user_id", "origin", "seq"], unique=False)
    op.create_table(
        "change_item",
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("change_id", "task_id"),
    )
    op.create_index("ix_change_item_task", "change_item", ["task_id", "version"], unique=False)
    op.create_table(
        "counted_task",
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_day", sa.String(), nullable=True),
        sa.Column("completed_day", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("task_id"),
    )
    op.create_table(
        "day_count",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("completed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "day"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("consumer", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.String(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("parked_at", sa.String(), nullable=True),
        sa.Column("delivered_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_delivery_parked", "delivery", ["id"], unique=False, **only_where("parked_at IS NOT NULL"))
    op.create_index(
        "ix_delivery_pending",
        "delivery",
        ["id"],
        unique=False,
        **only_where("delivered_at IS NULL AND parked_at IS NULL"),
    )
    op.create_index(
        "ix_delivery_retrying",
        "delivery",
        ["consumer", "task_id"],
        unique=False,
        **only_where("delivered_at IS NULL AND parked_at IS NULL AND attempts > 0"),
    )
    op.create_index("ux_delivery", "delivery", ["event_id", "consumer"], unique=True)
    op.create_table(
        "inbox_entry",
        sa.Column("consumer", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("processed_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id"),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "notification",
        sa.Column("seq", RowNumber, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("remind_at", sa.String(), nullable=False),
        sa.Column("late_by_seconds", sa.Integer(), nullable=False),
        sa.Column("read", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("ix_notification_user", "notification", ["user_id", "seq"], unique=False)
    op.create_table(
        "outbox_entry",
        sa.Column("seq", RowNumber, nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("event_type", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.String(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("parked_at", sa.String(), nullable=True),
        sa.Column("published_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index(
        "ix_outbox_parked", "outbox_entry", ["task_id"], unique=False, **only_where("parked_at IS NOT NULL")
    )
    op.create_index(
        "ix_outbox_pending",
        "outbox_entry",
        ["seq"],
        unique=False,
        **only_where("published_at IS NULL AND parked_at IS NULL"),
    )
    op.create_index(
        "ux_outbox_state",
        "outbox_entry",
        ["task_id", "version"],
        unique=True,
        **only_where("event_type IN ('task.created','task.updated','task.completed','task.deleted')"),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("day_start", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "reminder",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("remind_at", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("cancelled_by", sa.String(), nullable=True),
        sa.Column("fired_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_reminder_scheduled", "reminder", ["remind_at"], unique=False, **only_where("status = 'scheduled'")
    )
    op.create_index("ix_reminder_task", "reminder", ["task_id"], unique=False)
    op.create_table(
        "request_entry",
        sa.Column("seq", RowNumber, nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index(
        "ix_request_unnamed",
        "request_entry",
        ["user_id", "origin", "fingerprint", "at"],
        unique=False,
        **only_where("request_id IS NULL"),
    )
    op.create_index(
        "ux_request_id",
        "request_entry",
        ["user_id", "request_id"],
        unique=True,
        **only_where("request_id IS NOT NULL"),
    )
    op.create_table(
        "task",
        sa.Column("number", RowNumber, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("notes", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("due", sa.String(), nullable=True),
        sa.Column("zone", sa.String(), nullable=True),
        sa.Column("deadline", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("tags", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("updated_at", sa.String(), nullable=False),
        sa.Column("completed_at", sa.String(), nullable=True),
        sa.Column("deleted_at", sa.String(), nullable=True),
        sa.Column("title_key", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("unindexed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("id"),
    )
    op.create_index(
        "ix_task_all",
        "task",
        ["user_id", "deadline", "id"],
        unique=False,
        **only_where("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_task_due",
        "task",
        ["user_id", "status", "deadline", "id"],
        unique=False,
        **only_where("deleted_at IS NULL"),
    )
    op.create_index("ix_task_title", "task", ["user_id", "title_key"], unique=False, **only_where("deleted_at IS NULL"))
    op.create_index(
        "ix_task_unindexed", "task", ["number"], unique=False, **only_where("unindexed = 1", postgresql="false")
    )
    op.create_table(
        "task_tag",
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("folded", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("deadline", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", "folded"),
    )
    op.create_index(
        "ix_task_tag_walk", "task_tag", ["user_id", "folded", "status", "deadline", "task_id"], unique=False
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"CREATE INDEX ix_task_words ON task USING gin (({WORDS_VECTOR}))")
        return
    # todo.tasks.search_index.index_step feeds it words that are folded already: the tokenizer only cuts at blanks.
    op.execute(
        "CREATE VIRTUAL TABLE task_search USING fts5(words, columnsize=0, "
        "tokenize=\"unicode61 remove_diacritics 0 categories 'L* N* Co Mn Mc'\")"
    )
