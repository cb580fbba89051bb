"""The way from a SQLModel class to its Core table: statements here are Core, for speed and one form."""

from typing import cast

from sqlalchemy import Table
from sqlmodel import SQLModel


def table_of(model: type[SQLModel]) -> Table:
    """Return the Core table behind a SQLModel table class."""
    return cast("Table", model.__table__)  # type: ignore[attr-defined]  # set by the metaclass, unknown to mypy
