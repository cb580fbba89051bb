"""Titles near to words that no task has: the words inside longer ones, or words written almost like them."""

from difflib import get_close_matches

from sqlalchemy import select

from todo.record.queries import TASK, SimilarTask, name_similar
from todo.record.work import Work

MOST_TITLES = 500
"""Open tasks that are compared, by due, which bounds the time."""
MOST_WORDS = 4
MOST_SHOWN = 3
_SHORTEST_PART, _SHORTEST_TYPO = 3, 4
_CLOSE = 0.75


def find_near_titles(work: Work, words: list[str], kind: str) -> list[SimilarTask]:
    """Return up to three open tasks of the caller's whose titles come near to folded words, the nearest first."""
    statement = (
        select(TASK.c.id, TASK.c.title, TASK.c.title_key, TASK.c.due, TASK.c.completed_at, TASK.c.created_at)
        .where(
            *(TASK.c.user_id == work.who.user_id, TASK.c.kind == kind),
            *(TASK.c.status == "open", TASK.c.deleted_at.is_(None)),
        )
        .order_by(TASK.c.deadline, TASK.c.id)
        .limit(MOST_TITLES)
    )
    rows = work.connection.execute(statement).all()
    known = sorted({word for row in rows for word in row.title_key.split()})
    meant = {word: _list_forms(word, known) for word in words[:MOST_WORDS]}
    # Long words say more than short ones.
    scored = [(sum(len(word) for word, forms in meant.items() if _holds(row.title_key, forms)), row) for row in rows]
    nearest = sorted((pair for pair in scored if pair[0]), key=lambda pair: -pair[0])
    return name_similar(work, [row for _, row in nearest[:MOST_SHOWN]])


def _holds(title_key: str, forms: list[str]) -> bool:
    return any(form in title_key for form in forms)


def _list_forms(word: str, known: list[str]) -> list[str]:
    """Return the parts of titles that may mean a word: itself, and words written almost like it."""
    forms = [word] if len(word) >= _SHORTEST_PART else []
    return forms + (get_close_matches(word, known, 3, _CLOSE) if len(word) >= _SHORTEST_TYPO else [])
