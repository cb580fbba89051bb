"""Tables of comma-separated values (RFC 4180), with the line on which each row begins."""

import csv
import io
from collections.abc import Iterator

from todo.errors import InvalidArguments

MOST_CELL = 1 << 20


def read_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that holds anything, with its line; raises `InvalidArguments`."""
    csv.field_size_limit(MOST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""))
    line = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InvalidArguments(f"Line {line} cannot be read as a table: {error}.", "Export it again.") from None
        if any(cell.strip() for cell in row):
            yield line, [cell.strip() for cell in row]
        line = reader.line_num + 1
