"""How large the database is, and which tables have the most rows."""

from sqlalchemy import Connection, func, select

from app.migrations.schema import TABLES
from app.watch.state import read_size

_SHOWN = 4


def describe_size(connection: Connection) -> str:
    """Return the size and the largest tables in words; counts rows, so it is for a snapshot apart."""
    counts = {
        table.name: int(connection.execute(select(func.count()).select_from(table)).scalar_one()) for table in TABLES
    }
    largest = sorted(counts, key=lambda name: counts[name], reverse=True)[:_SHOWN]
    rows = ", ".join(f"{name} {counts[name]:,}" for name in largest)
    return f"{read_size(connection) / 1e6:,.1f} MB; rows of the largest tables: {rows}"
