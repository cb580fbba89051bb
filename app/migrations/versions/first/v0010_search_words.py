"""The words of all tasks, folded again: letters with a stroke, scripts without blanks, and names such as C++."""

import json

import sqlalchemy as sa
from alembic import op

from todo.text.search_words import fold_task

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_PAGE = sa.text(
    "SELECT number, title, notes, tags, title_key, words FROM task WHERE number > :after ORDER BY number LIMIT 1000"
)
_FOLDED = sa.text("UPDATE task SET title_key = :key, words = :words, unindexed = 1 WHERE number = :number")


def upgrade() -> None:
    """Write the folded words of each task in which they differ; the search index follows by its own step."""
    connection = op.get_bind()
    after = -1
    while rows := connection.execute(_PAGE, {"after": after}).all():
        after = rows[-1].number
        folded = [(row, *fold_task(row.title, row.notes, json.loads(row.tags))) for row in rows]
        changed = [
            {"key": key, "words": words, "number": row.number}
            for row, key, words in folded
            if (key, words) != (row.title_key, row.words)
        ]
        if changed:
            connection.execute(_FOLDED, changed)
