"""Plain text with one task on each line, and the check boxes of Markdown."""

import re

from todo.transfer.draft import Draft, Reading

_MARK = re.compile(r"^(?:[-*+•]\s+)?(?:\[( |x|X)\]\s+)?")


def read_plain(text: str, reading: Reading) -> None:
    """Read each line that holds anything; one that is set in belongs to the one above it."""
    above: list[tuple[int, str]] = []
    for line, part in enumerate(text.splitlines(), 1):
        if not part.strip() or part.lstrip().startswith("#"):
            continue
        depth = len(part.expandtabs(4)) - len(part.expandtabs(4).lstrip())
        while above and above[-1][0] >= depth:
            above.pop()
        found = _MARK.match(part.strip())
        title = part.strip()[found.end() :] if found else part.strip()
        source = str(line)
        done = bool(found and found[1] and found[1].lower() == "x")
        reading.add(Draft(line, title, source, parent=above[-1][1] if above else "", is_done=done))
        above.append((depth, source))
