"""Phrases of time in a person's words, read with the tables of a language into the forms that tools take."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from agent.builtin.time_days import Fields
from agent.builtin.time_doubts import Doubts
from agent.builtin.time_kinds import MEANINGS
from agent.builtin.time_values import DAYS, When, resolve, settle_waiting

MOST_WORDS = 16
"""The most words of a phrase of time; a longer text is a title."""

_NUMBERS = {
    "dom": r"[0-3]?[0-9](?:st|nd|rd|th)?",
    "dom2": r"[0-3]?[0-9](?:st|nd|rd|th)?",
    "dom_th": r"[0-3]?[0-9](?:st|nd|rd|th)",
    "doms": r"[0-3]?[0-9](?:st|nd|rd|th)(?:(?: and| &)? [0-3]?[0-9](?:st|nd|rd|th))+",
    "numeric": (
        r"[0-9]{1,2}/[0-9]{1,2}(?:/(?:[0-9]{4}|[0-9]{2}))?|[0-9]{1,2}[.][0-9]{1,2}[.][0-9]{4}"
        r"|[0-9]{1,2}-[0-9]{1,2}-(?:[0-9]{4}|[0-9]{2})"
    ),
    "hour24_2": r"2[0-3]|[01]?[0-9]",
    "minute2": r"[0-5][0-9]",
    "year": r"[12][0-9]{3}",
    "short_year": r"'?(?:2[6-9]|3[0-9])",
    "iso": r"[12][0-9]{3}[-/][0-9]{1,2}[-/][0-9]{1,2}",
    "hour12": r"1[0-2]|0?[1-9]",
    "hour24": r"2[0-3]|[01]?[0-9]",
    "minute": r"[0-5][0-9]",
    "digits": r"[0-9]{1,4}",
    "digits2": r"[0-9]{1,2}",
    "decimal": r"[0-9]{1,2}[.,][0-9]{1,2}",
}
_FREQUENCIES = {"m": "MINUTELY", "h": "HOURLY", "d": "DAILY", "w": "WEEKLY", "month": "MONTHLY", "year": "YEARLY"}
_SAME = {
    "short_weekday": "weekday",
    "bare_weekday": "weekday",
    "plural_weekday": "weekday",
    "ordinal": "dom",
    "abbreviation": "unit",
    "short_meridiem": "meridiem",
    "short_year": "year",
    "spoken": "minute",
}
"""Parts of patterns that mean the same as another part."""
_NAME = re.compile(r"{([a-z_]+[0-9]*(?:_[0-9])?)}")
_ANY_DAY = datetime(2026, 1, 1, 9, tzinfo=UTC)
"""A moment for reading what a phrase is, not when."""
_WAITING = ("until", "until_to", "start", "waiting", "shift", "shift_day")
"""Kinds that wait for a day; one at a time does."""
_NEEDED = {
    "times": "rule",
    "start_clock": "rule",
    "until_to": "start",
    "hour_of_part": "part",
    "waited_month": "waiting",
}
"""What must stand before a kind: "three times weekly" does not say when to end."""
_GLUED = re.compile(r"(?<=\w)(?:(@)(?=\d{1,2}(?::\d\d)?(?:[ap]m)?$)|,(?=20\d\d$))", re.IGNORECASE)
"""Parts of a time at a text's end without a blank between them: "12/30@3pm", "jan 1,2027"."""
_EDGES = '.,;:!?"()'


def unglue(text: str) -> str:
    """Return a text with a blank between the parts of a time at its end."""
    return _GLUED.sub(r" \1", text)


@dataclass(frozen=True, slots=True)
class Split:
    """A text without its time; `doubt` is a part that looks like a time but cannot be read as one."""

    title: str
    when: When | None = None
    doubt: str = ""
    place: tuple[int, int] = (0, 0)
    """The words of the time: the first one's number, and the number after the last one's."""


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
    _first: re.Pattern[str] = field(init=False)
    _durations: list[_Piece] = field(default_factory=list)

    def __post_init__(self) -> None:
        words = self.table["words"]
        self._named = {name: {str(word): value for word, value in table.items()} for name, table in words.items()}
        self._named |= {f"{name}2": self._named[name] for name in ("count", "meridiem", "month")}
        self._named["feast"] = dict.fromkeys(self.table["feasts"], 0)
        self._tied = {str(word): {str(before) for before in row} for word, row in self.table["tied"].items()}
        self._aliases: dict[str, str] = {str(word): str(value) for word, value in self.table["aliases"].items()}
        self._weekdays = self._named["weekday"] | self._named["short_weekday"]
        self._plurals = self._named["plural_weekday"]
        self._doubts = Doubts(self.table)
        rows = [*self.table["times"], *self.table["repeats"]]
        self._pieces = [_Piece(self._compile(row), kind, value) for row, kind, value in rows]
        # Most words begin no phrase of time: one pattern says so faster than each of them.
        first = [piece.pattern.pattern for piece in self._pieces if piece.kind not in _NEEDED]
        self._first = re.compile("|".join(re.sub(r"\(\?P<\w+>", "(?:", row) for row in first))
        self._durations = [_Piece(self._compile(row), kind, None) for row, kind in self.table["durations"]]

    def read(self, text: str, now: datetime) -> When | None:
        """Return the time if the whole text is one, else None; `now` is in the person's zone."""
        words = unglue(text).split()
        when = self._read(self._fold(words), now) if 0 < len(words) <= MOST_WORDS else None
        return None if when is None or when.is_unclear else when

    def read_duration(self, text: str) -> str | None:
        """Return a duration such as `30m` or `2d` if the whole text is one, else None."""
        words = text.split()
        phrase = " ".join(self._fold(words)) if len(words) <= MOST_WORDS else ""
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
        """Separate the time at a text's end, or at its beginning, from the rest."""
        return self.split_words(unglue(text).split(), now)

    def split_words(self, words: list[str], now: datetime) -> Split:
        """Separate the time at the end of words, or at their beginning, from the rest."""
        folded = self._fold(words)
        for start in range(max(0, len(words) - MOST_WORDS), len(words)):
            when = None if self._is_tied(folded, start) else self._read(folded[start:], now)
            if when is not None and when.is_unclear:
                return Split(" ".join(words), doubt=" ".join(words[start:]))
            if when is not None:
                split = replace(self._check(words[:start], folded[:start], when), place=(start, len(words)))
                hangs = start and split.doubt == words[start - 1] and folded[start - 1] in self.table["dangling"]
                # "Before the 15th" says more than "before".
                return replace(split, doubt=" ".join(words[start - 1 :])) if hangs else split
        return self.split_lead(words, now) or self._check(words, folded, None)

    def split_lead(self, words: list[str], now: datetime) -> Split | None:
        """Separate a time at the beginning of words: `every last friday: send the invoice`; None if they have none."""
        folded = self._fold(words)
        for end in range(min(MOST_WORDS, len(words) - 1), 0, -1):
            when = self._read(folded[:end], now)
            if when is None or when.is_unclear or not self._may_lead(folded[:end], when, len(words) - end):
                continue
            rest = words[end:]
            is_marked = words[end - 1].endswith(tuple(self.table["lead"])) or rest[0] in self.table["lead"]
            if len(rest) > 1 and rest[0].lower() in ("to", *self.table["lead"]):
                rest = rest[1:]
            if not is_marked and end == 1 and folded[0] in self.table["adverbs"]:
                # "Monthly report" may be the title of a task that comes once.
                return Split(" ".join(words), when, words[0])
            split = self._check(rest, self._fold(rest), when)
            return Split(split.title, when, split.doubt, (0, len(words) - len(rest)))
        return None

    def _is_tied(self, folded: list[str], start: int) -> bool:
        """Return whether a word that may be a day belongs to the word before it: "in the sun", "for christmas"."""
        before = folded[start - 1] if start else ""
        if before in self._tied.get(folded[start], ()):
            return True
        if before not in self.table["before_feasts"]:
            return False
        heads = {" ".join(folded[start : start + length]) for length in (1, 2, 3)}
        return bool(heads & (self._named["holiday"].keys() | self._named["feast"].keys()))

    def _may_lead(self, folded: list[str], when: When, rest: int) -> bool:
        """Return whether a time may stand before a title: a repetition may, a day only if it cannot describe it."""
        first = folded[0]
        is_clear = first in self.table["strong"] or (first in self.table["openers"] and len(folded) > 1)
        return bool(when.rule) or (rest > 1 and is_clear and first not in ("this", "next"))

    def _check(self, words: list[str], folded: list[str], when: When | None) -> Split:
        doubt = self._find_unread(words, folded) or self._doubts.find(words, folded)
        if not doubt and when is not None:
            doubt = self._doubts.find_beside(words, folded, is_rule=bool(when.rule))
        return Split(" ".join(words).rstrip(",;:") if when else " ".join(words), when, doubt)

    def _find_unread(self, words: list[str], folded: list[str]) -> str:
        """Return what follows a repetition and cannot be read: in "every sunday until then", "until then"."""
        for place, word in enumerate(folded):
            if word not in self.table["repeaters"]:
                continue
            for end in range(min(len(words), place + MOST_WORDS) - 1, place + 1, -1):
                if self._read(folded[place:end], _ANY_DAY) is not None:
                    return " ".join(words[end : end + 4])
        return ""

    def _fold(self, words: list[str]) -> list[str]:
        """Return the words in lower case, short forms in full, and without the punctuation around them."""
        folded = [word.lower().replace("’", "'") for word in words]  # noqa: RUF001 -- the keyboards' apostrophe
        stripped = [word if word == "every!" else word.strip(_EDGES) or word for word in folded]
        return [self._aliases.get(word, word) for word in stripped]

    def _compile(self, row: str) -> re.Pattern[str]:
        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name in self.table["shared"]:
                return str(self.table["shared"][name])
            if name == "dom_th":
                return f"(?P<dom>{_NUMBERS[name]})"
            if name in ("clear_nth", "nths"):
                nth = "|".join(sorted(self._named["nth" if name == "nths" else name], key=len, reverse=True))
                return f"(?P<nth>{nth})" if name == "clear_nth" else f"(?P<nths>(?:{nth})(?:(?: and| &)? (?:{nth}))+)"
            if name in _NUMBERS:
                return f"(?P<{name}>{_NUMBERS[name]})"
            if name in ("weekdays", "plurals"):
                known = self._plurals if name == "plurals" else {**self._weekdays, **self._plurals}
                day = "|".join(re.escape(word) for word in known)
                return rf"(?P<weekdays>(?:{day})(?: (?:and )?(?:{day}))*)(?= |$)"
            longest_first = sorted(self._named[name], key=len, reverse=True)
            words = "|".join(re.escape(word) for word in longest_first)
            return f"(?P<{name}>{words}{'|[0-9]{1,3}' if name in ('count', 'count2') else ''})"

        # Parts that are shared have parts of their own.
        return re.compile(f"(?:{_NAME.sub(replace, _NAME.sub(replace, row))})(?= |$)", re.ASCII)

    def _values(self, match: re.Match[str]) -> Fields:
        """Return the matched groups, each as its table's value or as a number."""
        found: Fields = {}
        for name, text in match.groupdict().items():
            if text is None or name == "letter":
                continue
            if name == "hour24" and text.startswith("0"):
                found["is_sure"] = True
            found[name] = self._value(name, text)
        for name, meaning in _SAME.items():
            if name in found:
                found[meaning] = found[name]
        found["hour"] = found.get("hour", found.get("hour12", found.get("hour24")))
        return found

    def _value(self, name: str, text: str) -> Any:
        if name in self._named:
            return self._named[name].get(text, int(text) if text.isdigit() else text)
        if name in ("weekdays", "numeric", "edge"):
            return text
        if name == "iso":
            return "-".join(part.zfill(2) for part in re.split("[-/]", text))
        if name == "nths":
            return [self._named["nth"][word] for word in text.split() if word in self._named["nth"]]
        if name == "decimal":
            return float(text.replace(",", "."))
        if name == "short_year":
            return 2000 + int(text.lstrip("'"))
        if name == "doms":
            return ",".join(re.findall(r"[0-9]+", text))
        return int(re.sub(r"\D", "", text))

    def _read(self, words: list[str], now: datetime) -> When | None:
        for fields in self._walk(" ".join(words), 0, {}, now):
            when = resolve(fields, now, self._named["part"])
            if when is not None:
                return when
        return None

    def _walk(self, text: str, place: int, fields: Fields, now: datetime) -> Any:
        """Yield the fields of every sequence of pieces that covers the text from `place` to its end."""
        if place >= len(text):
            # "No later than" alone names no time.
            if fields:
                yield fields
            return
        place += 2 if text[place : place + 2] in self.table["pauses"] else 0
        for piece in self._pieces if fields or self._first.match(text, place) else ():
            match = piece.pattern.match(text, place)
            if match is None:
                continue
            found = self._read_piece(piece, match, fields, now)
            if found is None or found.keys() & fields.keys():
                continue
            # "until" and "starting" wait for the day that follows them.
            joined: Fields | None = {**fields, **found}
            if "waiting" in fields:
                joined = settle_waiting(fields | found, now) if "day" in found else None
            if joined is not None:
                yield from self._walk(text, match.end() + 1, joined, now)

    def _read_piece(self, piece: _Piece, match: re.Match[str], fields: Fields, now: datetime) -> Fields | None:
        """Return the fields that a piece adds, or None if it makes no sense in its context."""
        found = self._values(match)
        needed = _NEEDED.get(piece.kind)
        if ("waiting" in fields and piece.kind in _WAITING) or (needed and needed not in fields):
            return None
        try:
            if piece.kind.startswith("rule"):
                return self._read_rule(piece, match, found)
            return self._read_beside(piece, match, found, fields, now)
        except (ValueError, OverflowError, IndexError):
            return None

    def _read_beside(
        self, piece: _Piece, match: re.Match[str], found: Fields, fields: Fields, now: datetime
    ) -> Fields | None:
        """Return the fields of a piece whose meaning depends on the pieces before it; of any other, its own."""
        match piece.kind:
            case "day_part":
                return {"day": now.date(), "part": piece.value or match["part"]}
            case "part":
                known = piece.value or "day" in fields or "rule" in fields
                return {"part": match["part"]} if known else None
            case "span" if "rule" not in fields:
                return {"is_range": True} if fields.keys() & {"clock", "day"} else None
            case "before":
                return None if fields else {}
            case "after":
                return {} if fields.keys() & {"clock", "day"} else None
        return MEANINGS[piece.kind](found, piece.value, now)

    def _read_rule(self, piece: _Piece, match: re.Match[str], found: Fields) -> Fields:
        fields: Fields = {"rule": self._write_rule(piece.value, found)}
        match piece.kind:
            case "rule_part":
                fields["part"] = match["part"]
            case "rule_night":
                fields["part"] = list(self._named["part"])[-1]
            case "rule_done":
                fields["mode"] = "after_completion"
        return fields

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
        if "nths" in found:
            values["nths"] = ",".join(f"{nth}{DAYS[found['weekday']]}" for nth in found["nths"])
        if not 1 <= found.get("dom", 1) <= 31 or not found.get("count", 1) >= 1:
            raise ValueError("no such day")
        if "holiday" in found:
            values["month"], values["dom"] = found["holiday"].split("-")
        if "doms" in found and not all(1 <= int(day) <= 31 for day in found["doms"].split(",")):
            raise ValueError("no such day")
        return re.sub(r";INTERVAL=1(?=;|$)", "", template.format(**values))
