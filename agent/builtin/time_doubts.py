"""The doubts about a title: words that look like a time and were not read as one."""

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

_CLOCK_LIKE = re.compile(
    r"\d{1,2}(?:(?::\d+)+[ap]?|[ap]\.?m)|\d{1,2}:\d+[ap]\.?m|\d{1,2}/\d{1,2}(/\d{2,4})?|\d{1,2}/\d{4}|\d{1,4}[-/]\d{1,2}[-/]\d{1,4}"
)
_DATE_LIKE = re.compile(r"\d{1,2}\.\d{1,2}\.(\d{2,4})?")
_DOTTED = re.compile(r"(?:[01]?\d|2[0-3])\.[0-5]\d")
"""A clock time in some countries, and a price in all."""
_NTH = re.compile(r"\d{1,2}(?:st|nd|rd|th)")
_NUMBER = re.compile(r"[+@~]?\d{1,2}(?:st|nd|rd|th|m|h|d|w|hrs?|mins?)?|(?:[01]\d|2[0-3])[0-5]\d")


class Doubts:
    """What looks like a time in one language; `table` is its file."""

    def __init__(self, table: dict[str, Any]) -> None:
        self._table = table
        words = {name: {str(word) for word in entries} for name, entries in table["words"].items()}
        self._units, self._counts, self._shorts = words["unit"], words["count"], words["short_weekday"]
        self._numbers = (words["hour"] | words["ordinal"]) - {"one"}
        self._weekdays, self._months = words["weekday"], words["month"]
        self._patterns = [re.compile(rf"(?<!\S){row}") for row in table["doubts"]]
        self._time_words = [*words["weekday"], *words["month"], *table["strong"], *table["weak"]]
        self._feasts = {*words["holiday"], *table["feasts"]}
        self._beside = {
            *table["dangling"],
            *table["adverbs"],
            *words["weekday"],
            *words["short_weekday"],
            *words["plural_weekday"],
            *words["month"],
        }

    def find(self, words: list[str], folded: list[str]) -> str:
        """Return the first part of a title that looks like a time; an empty string if none does."""
        text = " ".join(folded)
        if found := next((match[0] for row in self._patterns if (match := row.search(text))), ""):
            return found
        for place, word in enumerate(folded):
            if word in self._table["repeaters"] or self._is_near(word, self._table["strong"], 0.85):
                return " ".join(words[place : place + 2])
            if word != "24/7" and (_CLOCK_LIKE.fullmatch(word) or _DATE_LIKE.fullmatch(words[place].rstrip(",;"))):
                return words[place]
            if place and word in self._table["repeat_hints"] and place + 1 < len(folded):
                follows = folded[place + 1 : place + 3]
                if follows[0] in self._table["articles"] and follows[-1] in self._units:
                    return " ".join(words[place : place + 3])
            if word in self._table["openers"]:
                end = self._end_of_doubt(folded, place)
                if end:
                    return " ".join(words[place:end])
        return self._find_slip(words, folded) or self._find_feast(words, folded)

    def find_beside(self, words: list[str], folded: list[str], *, is_rule: bool) -> str:
        """Return the words beside a time that was read which look like a part of it; an empty string if none do."""
        if not folded:
            return ""
        last, before = folded[-1], folded[-2] if len(folded) > 1 else ""
        if len(folded) == 1 and last in self._table["takes_time"]:
            return words[0]
        is_tied = before in self._table["tied"].get(last, ())
        is_number = bool(before) and last in self._numbers and before not in self._table["numbered"]
        if (last in self._beside and not is_tied) or is_number or self._is_number_of_time(last, before):
            return words[-1]
        is_counted = before in self._counts or before in self._beside or bool(_NUMBER.fullmatch(before))
        is_length = len(folded) > 2 and folded[-3] in self._table["lasting"]
        if last in self._units and is_counted and not is_length:
            return " ".join(words[-2:])
        if not is_rule and folded[0] in self._table["adverbs"]:
            return words[0]
        if _DOTTED.fullmatch(last):
            return words[-1]
        # In "on friday the 13th rest" the number belongs to the weekday.
        start = int(folded[0] in self._table["articles"])
        if len(folded) > start and _NTH.fullmatch(folded[start]):
            return " ".join(words[: start + 1])
        return ""

    def _is_number_of_time(self, last: str, before: str) -> bool:
        return bool(_NUMBER.fullmatch(last)) and before not in self._table["numbered"]

    def _find_slip(self, words: list[str], folded: list[str]) -> str:
        """Return a title's end if it is nearly a weekday, or nearly a month with its day."""
        if folded and self._is_near(folded[-1], self._weekdays, 0.85):
            return words[-1]
        is_dated = len(folded) > 1 and _NUMBER.fullmatch(folded[-1]) and self._is_near(folded[-2], self._months, 0.8)
        return " ".join(words[-2:]) if is_dated else ""

    def _find_feast(self, words: list[str], folded: list[str]) -> str:
        """Return the name of a day of the year at a title's end, unless it stands as "for christmas" or "the"."""
        for length in (1, 2, 3):
            name, before = " ".join(folded[-length:]), folded[-length - 1 : -length]
            if len(folded) > length and name in self._feasts and before[0] not in self._table["before_feasts"]:
                return " ".join(words[-length - 1 :])
        return ""

    def _end_of_doubt(self, folded: list[str], place: int) -> int:
        """Return the index after the words that follow an opener and look like a time; 0 if they do not."""
        after = place + 1
        if after < len(folded) and folded[after] in self._table["articles"]:
            after += 1
        is_named = after == place + 2 and folded[place] in self._table["naming"] and after + 1 < len(folded)
        if after >= len(folded) or is_named:
            return 0
        word = folded[after]
        if word[0].isdigit() and folded[place] in self._table["number_openers"]:
            return after + 1
        if after + 1 < len(folded) and (word.isdigit() or word in self._counts):
            # "Walk for 20 minutes" says how long, not when.
            is_unit = folded[place] not in self._table["lasting"] and self._is_near(
                folded[after + 1], self._units, 0.75
            )
            return after + 2 if is_unit else 0
        if word in self._units and after == place + 2 and folded[place] == "in":
            return after + 1
        is_short = word in self._shorts and folded[place] in self._table["number_openers"]
        return after + 1 if is_short or self._is_near(word, self._time_words, 0.8) else 0

    @staticmethod
    def _is_near(word: str, words: Collection[str], cutoff: float) -> bool:
        if word in words:
            return True
        # A short word resembles too many others.
        return 4 < len(word) < 16 and bool(get_close_matches(word, list(words), n=1, cutoff=cutoff))
