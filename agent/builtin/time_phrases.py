"""Phrases of time in a person's words, read with the tables of a language into the forms that tools take."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from agent.builtin.time_values import DAYS, MEANINGS, Fields, When, resolve

MOST_WORDS = 16
"""The most words of a phrase of time; a longer text is a title."""

_NUMBERS = {
    "dom": r"[0-3]?[0-9](?:st|nd|rd|th)?",
    "year": r"[12][0-9]{3}",
    "iso": r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}",
    "hour12": r"1[0-2]|0?[1-9]",
    "hour24": r"2[0-3]|[01]?[0-9]",
    "minute": r"[0-5][0-9]",
    "digits": r"[0-9]{1,4}",
}
_FREQUENCIES = {"m": "MINUTELY", "h": "HOURLY", "d": "DAILY", "w": "WEEKLY", "month": "MONTHLY", "year": "YEARLY"}
_EDGES = '.,;:!?"()'
_CLOCK_LIKE = re.compile(
    r"\d{1,2}(?::\d+|[ap]\.?m)|\d{1,2}:\d+[ap]\.?m|\d{1,2}/\d{1,2}(/\d{2,4})?|\d{1,4}-\d{1,2}-\d{1,4}"
)
_DATE_LIKE = re.compile(r"\d{1,2}\.\d{1,2}\.(\d{2,4})?")


@dataclass(frozen=True, slots=True)
class Split:
    """A text without its time; `doubt` is a part that looks like a time but cannot be read as one."""

    title: str
    when: When | None = None
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class _Piece:
    pattern: re.Pattern[str]
    kind: str
    value: Any


@dataclass
class Phrases:
    """The phrases of time of one language; `table` is its file."""

    table: dict[str, Any]
    _pieces: list[_Piece] = field(default_factory=list)
    _durations: list[_Piece] = field(default_factory=list)

    def __post_init__(self) -> None:
        words = self.table["words"]
        self._named = {name: {str(word): value for word, value in table.items()} for name, table in words.items()}
        self._named["count2"] = self._named["count"]
        self._weekdays = self._named["weekday"] | self._named["short_weekday"]
        self._plurals = self._named["plural_weekday"]
        self._doubts = [re.compile(rf"(?<!\S){row}") for row in self.table["doubts"]]
        rows = [*self.table["times"], *self.table["repeats"]]
        self._pieces = [_Piece(self._compile(row), kind, value) for row, kind, value in rows]
        self._durations = [_Piece(self._compile(row), kind, None) for row, kind in self.table["durations"]]
        self._time_words = [*self._named["weekday"], *self._named["month"], *self.table["strong"], *self.table["weak"]]

    def read(self, text: str, now: datetime) -> When | None:
        """Return the time if the whole text is one, else None; `now` is in the person's zone."""
        words = _fold(text.split())
        return self._read(words, now) if 0 < len(words) <= MOST_WORDS else None

    def read_duration(self, text: str) -> str | None:
        """Return a duration such as `30m` or `2d` if the whole text is one, else None."""
        phrase = " ".join(_fold(text.split()))
        for piece in self._durations:
            match = piece.pattern.fullmatch(phrase)
            if match is None:
                continue
            found = self._values(match)
            if piece.kind == "both":
                return f"{found['count']}h{found['count2']}m"
            if piece.kind == "letter":
                return f"{int(found['digits'])}{match['letter']}"
            if piece.kind == "one":
                return f"{found['count']}{found['unit']}" if len(found["unit"]) == 1 else None
            return piece.kind
        return None

    def split(self, text: str, now: datetime) -> Split:
        """Separate the time at a text's end, or a repetition at its beginning, from the rest."""
        words = text.split()
        folded = _fold(words)
        for start in range(max(0, len(words) - MOST_WORDS), len(words)):
            when = self._read(folded[start:], now)
            if when is not None:
                return self._check(words[:start], folded[:start], when)
        return self.split_lead(text, now) or self._check(words, folded, None)

    def split_lead(self, text: str, now: datetime) -> Split | None:
        """Separate a repetition at a text's beginning: `every last friday: send the invoice`; None if it has none."""
        words = text.split()
        folded = _fold(words)
        for end in range(min(MOST_WORDS, len(words) - 1), 0, -1):
            when = self._read(folded[:end], now)
            if when is not None and when.rule:
                rest = words[end:]
                if len(rest) > 1 and rest[0].lower() in ("to", *self.table["lead"]):
                    rest = rest[1:]
                split = self._check(rest, _fold(rest), when)
                return Split(split.title, when, split.doubt)
        return None

    def _check(self, words: list[str], folded: list[str], when: When | None) -> Split:
        doubt = self._find_doubt(words, folded)
        if not doubt and when is not None and folded and folded[-1] in self.table["dangling"]:
            doubt = words[-1]
        return Split(" ".join(words).rstrip(",;:") if when else " ".join(words), when, doubt)

    def _find_doubt(self, words: list[str], folded: list[str]) -> str:
        text = " ".join(folded)
        if found := next((match[0] for row in self._doubts if (match := row.search(text))), ""):
            return found
        for place, word in enumerate(folded):
            if word in self.table["repeaters"] or self._is_near(word, self.table["strong"], 0.85):
                return " ".join(words[place : place + 2])
            if _CLOCK_LIKE.fullmatch(word) or _DATE_LIKE.fullmatch(words[place]):
                return words[place]
            if place and word in self.table["repeat_hints"] and place + 1 < len(folded):
                follows = folded[place + 1 : place + 3]
                if follows[0] in self.table["articles"] and follows[-1] in self._named["unit"]:
                    return " ".join(words[place : place + 3])
            if word in self.table["openers"]:
                end = self._end_of_doubt(folded, place)
                if end:
                    return " ".join(words[place:end])
        if folded and self._is_near(folded[-1], self._named["weekday"], 0.85):
            return words[-1]
        return ""

    def _end_of_doubt(self, folded: list[str], place: int) -> int:
        """Return the index after the words that follow an opener and look like a time; 0 if they do not."""
        after = place + 1
        if after < len(folded) and folded[after] in self.table["articles"]:
            after += 1
        if after >= len(folded):
            return 0
        word = folded[after]
        if word[0].isdigit() and folded[place] in self.table["number_openers"]:
            return after + 1
        if after + 1 < len(folded) and (word.isdigit() or word in self._named["count"]):
            return after + 2 if self._is_near(folded[after + 1], self._named["unit"], 0.75) else 0
        is_short = word in self._named["short_weekday"] and folded[place] in self.table["number_openers"]
        return after + 1 if is_short or self._is_near(word, self._time_words, 0.8) else 0

    @staticmethod
    def _is_near(word: str, words: Any, cutoff: float) -> bool:
        if word in words:
            return True
        # A short word resembles too many others.
        return 4 < len(word) < 16 and bool(get_close_matches(word, list(words), n=1, cutoff=cutoff))

    def _compile(self, row: str) -> re.Pattern[str]:
        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name in _NUMBERS:
                return f"(?P<{name}>{_NUMBERS[name]})"
            if name in ("weekdays", "plurals"):
                known = self._plurals if name == "plurals" else {**self._weekdays, **self._plurals}
                day = "|".join(re.escape(word) for word in known)
                return rf"(?P<weekdays>(?:{day})(?: (?:and )?(?:{day}))*)(?= |$)"
            longest_first = sorted(self._named[name], key=len, reverse=True)
            words = "|".join(re.escape(word) for word in longest_first)
            return f"(?P<{name}>{words}{'|[0-9]{1,3}' if name in ('count', 'count2') else ''})"

        return re.compile(f"(?:{re.sub(r'{([a-z_]+[0-9]*)}', replace, row)})(?= |$)", re.ASCII)

    def _values(self, match: re.Match[str]) -> Fields:
        """Return the matched groups, each as its table's value or as a number."""
        found: Fields = {}
        for name, text in match.groupdict().items():
            if text is None or name == "letter":
                continue
            if name in self._named:
                found[name] = self._named[name].get(text, int(text) if text.isdigit() else text)
            elif name == "hour24" and text.startswith("0"):
                found |= {"hour24": int(text), "is_sure": True}
            elif name in ("iso", "weekdays"):
                found[name] = text
            else:
                found[name] = int(re.sub(r"\D", "", text))
        if "short_weekday" in found:
            found["weekday"] = found["short_weekday"]
        found["hour"] = found.get("hour", found.get("hour12", found.get("hour24")))
        return found

    def _read(self, words: list[str], now: datetime) -> When | None:
        for fields in self._walk(" ".join(words), 0, {}, now):
            when = resolve(fields, now, self._named["part"])
            if when is not None:
                return when
        return None

    def _walk(self, text: str, place: int, fields: Fields, now: datetime) -> Any:
        """Yield the fields of every sequence of pieces that covers the text from `place` to its end."""
        if place >= len(text):
            yield fields
            return
        for piece in self._pieces:
            match = piece.pattern.match(text, place)
            if match is None:
                continue
            found = self._read_piece(piece, match, fields, now)
            if found is None or found.keys() & fields.keys():
                continue
            # "until" and "starting" wait for the day that follows them.
            waiting = fields.get("waiting")
            if waiting and "day" not in found:
                continue
            joined = {**fields, **found}
            if waiting:
                joined[joined.pop("waiting")] = joined.pop("day")
            yield from self._walk(text, match.end() + 1, joined, now)

    def _read_piece(self, piece: _Piece, match: re.Match[str], fields: Fields, now: datetime) -> Fields | None:
        """Return the fields that a piece adds, or None if it makes no sense in its context."""
        found = self._values(match)
        try:
            match piece.kind:
                case "rule":
                    return {"rule": self._write_rule(piece.value, found)}
                case "rule_part":
                    return {"rule": self._write_rule(piece.value, found), "part": match["part"]}
                case "day_part":
                    return {"day": now.date(), "part": piece.value or match["part"]}
                case "part":
                    known = piece.value or "day" in fields or "rule" in fields
                    return {"part": match["part"]} if known else None
                case "times":
                    return {"count": found["count"]}
                case "until" | "start":
                    return {"waiting": piece.kind} if "waiting" not in fields else None
            return MEANINGS[piece.kind](found, piece.value, now)
        except (ValueError, OverflowError):
            return None

    def _write_rule(self, template: str, found: Fields) -> str:
        values = dict(found)
        if "weekday" in found:
            values["weekday"] = DAYS[found["weekday"]]
        if "weekdays" in found:
            names = self._weekdays | self._plurals
            numbers = sorted({names[word] for word in found["weekdays"].split() if word in names})
            values["weekdays"] = ",".join(DAYS[number] for number in numbers)
        if "unit" in found:
            if found["unit"] not in _FREQUENCIES:
                raise ValueError("no rule repeats by the second")
            values["unit"] = _FREQUENCIES[found["unit"]]
        if not 1 <= found.get("dom", 1) <= 31 or not found.get("count", 1) >= 1:
            raise ValueError("no such day")
        return template.format(**values).replace(";INTERVAL=1", "")


def _fold(words: list[str]) -> list[str]:
    """Return the words in lower case and without the punctuation around them; a dot inside a number stays."""
    return [word.lower().strip(_EDGES) or word for word in words]
