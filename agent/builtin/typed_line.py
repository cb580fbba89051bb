"""A task as it is typed in one line: its marks, its time and its title, each with its place in the line."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from agent.builtin.language import Language
from agent.builtin.reader import Reader
from agent.builtin.sentences import hide_in_place
from agent.builtin.time_phrases import Split, unglue
from agent.builtin.time_values import When, begin_ahead

_TAG = re.compile(r"#(?!\d+$)(\w[\w-]{0,63})")
"""A tag is more than a number: "#12" may be the number of something."""
_LIST = re.compile(r"/(\w[\w-]{0,63}|[\ue200-\ue3ff])")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line, and where it stands there, in characters."""

    text: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """Words of a line that were read as a field; as `unread`, those that look like a time and were not."""

    field: str
    words: tuple[Word, ...]
    value: Any = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a time was not read: an answer of the language file with its values, and the words."""

    answer: str
    words: str = ""
    values: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Line:
    """A line without its marks: the time and title that are left, and the marks as arguments of the tools."""

    split: Split
    words: list[Word]
    """The words that `split` was made of."""
    parts: list[Part] = field(default_factory=list)
    joint: tuple[Word, ...] = ()
    """The word between a time and what is to be done then: "on friday to call"."""

    @property
    def marks(self) -> dict[str, Any]:
        """The marks as arguments; of two for one field the later one counts, tags add up."""
        marks: dict[str, Any] = {}
        for part in sorted(self.parts, key=lambda part: part.words[0].start):
            known = marks.get(part.field, [])
            adds = isinstance(part.value, list)
            marks[part.field] = [*dict.fromkeys([*known, *part.value])] if adds else part.value
        return marks


Judge = Callable[[dict[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a line: the arguments of the tool that makes it, and the parts that they come from."""

    args: dict[str, Any]
    parts: tuple[Part, ...] = ()


def find_words(text: str, places: list[int] | None = None) -> list[Word]:
    """Return the words of a text; `places` are its characters' places in the line as it was typed."""
    words = []
    for match in re.finditer(r"\S+", text):
        first, last = match.span()
        words.append(Word(match[0], places[first] if places else first, places[last] if places else last))
    if words:
        # Only the last word can hold two parts of a time.
        last_word = words.pop()
        offset = last_word.start
        for piece in unglue(last_word.text).split():
            start = last_word.text.index(piece, offset - last_word.start) + last_word.start
            offset = start + len(piece)
            words.append(Word(piece, start, offset))
        words[-1] = replace(words[-1], end=last_word.end)
    return words


def join_words(words: Iterable[Word]) -> str:
    """Return the words with single blanks between them."""
    return " ".join(word.text for word in words)


def cut_line(reader: Reader, words: list[Word], after: list[Word] | None = None) -> Line:
    """Take the marks and the time out of a line; `after` is a time that stands elsewhere in the message."""
    parts: list[Part] = []
    words = [*_take_signs(reader, words, parts), *(after or [])]
    words = _take_tails(reader, words, parts)
    split = reader.language.phrases.split_words([word.text for word in words], reader.now)
    start, end = split.place
    if split.when is not None and end:
        title = words[:start] or words[end:]
        left = _take_tails(reader, title, parts)
        if len(left) != len(title):
            split = replace(split, title=join_words(left).rstrip(",;:"))
    return Line(split, words, parts)


def find_trouble(reader: Reader, split: Split) -> Trouble | None:
    """Return why the time beside a title cannot be taken; None if it can, or if there is none."""
    if split.doubt:
        return Trouble("doubt", split.doubt, {"doubt": reader.restore(split.doubt)})
    if split.when is None:
        return None
    when = _settle_half(reader, split.title, split.when)
    if when is None:
        halves = sorted(f"{one.hour:02}:00" for one in (split.when, split.when.other) if one and one.hour is not None)
        return Trouble("which_half", values={"first": halves[0], "second": halves[-1]})
    if when.is_past:
        return Trouble("past_time", values={"now": f"{reader.now:%H:%M}", "time": when.due[11:]})
    return None


def write_args(reader: Reader, title: str, when: When | None, marks: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of the tool that makes a task; with a `rule` that is the one for recurring tasks."""
    args = {"title": reader.restore(title), **marks}
    settled = when and _settle_half(reader, title, when)
    if settled is None:
        return args
    if not settled.rule:
        return {**args, "due": settled.due}
    if "reminders" in marks:
        # A reminder that waits for a tick would ring once.
        args["mode"] = "every_occurrence"
        settled = begin_ahead(settled, reader.now, reader.language.table["words"]["part"]["morning"])
    return {**args, **settled.rule_args}


def is_ahead(reminders: list[str]) -> bool:
    """Return whether a reminder counts back from a due, so that there has to be one."""
    return any("T" not in reminder for reminder in reminders)


def read_line(language: Language, text: str, now: datetime, judge: Judge = lambda _args: "") -> Reading:
    """Read a line as it is typed; what is not understood stays in the title, and a time among it is said.

    `now` is in the person's zone; `judge` says why the arguments that were read cannot be taken, if they cannot.
    """
    message, places = hide_in_place(text)
    if message is None:
        return Reading({"title": text.strip()})
    reader = Reader(language, now, message, message.text)
    words = find_words(message.text, places)
    line = _cut_reminder_lead(reader, words)
    marks = line.marks
    trouble = find_trouble(reader, line.split)
    if trouble is None and line.split.when is None and is_ahead(marks.get("reminders", [])):
        trouble = Trouble("reminder")
    if trouble is None and not line.split.title and line.split.when is not None:
        trouble = Trouble("no_title")
    args = write_args(reader, line.split.title, line.split.when, marks)
    if trouble is None and (refusal := judge(args)):
        trouble = Trouble("refused", values={"refusal": refusal})
    if trouble is not None or not line.split.title:
        return _keep_title(reader, line, trouble)
    parts = [*line.parts]
    if line.split.when is not None:
        start, end = line.split.place
        name = "rule" if line.split.when.rule else "due"
        parts.append(Part(name, (*line.words[start:end], *line.joint)))
    return Reading(args, tuple(parts))


def _keep_title(reader: Reader, line: Line, trouble: Trouble | None) -> Reading:
    """Return a reading in which all but tags, priority and list stays in the title."""
    kept = [part for part in line.parts if part.field not in ("reminders", "start")]
    taken = {word for part in kept for word in part.words}
    left = [part for part in line.parts if part not in kept]
    every = {*line.words, *line.joint, *(word for part in left for word in part.words)}
    words = sorted(every - taken, key=lambda word: word.start)
    title = reader.restore(join_words(words))
    if not words:
        # A line of marks alone is a title.
        return Reading({"title": reader.restore(reader.sentence).strip()})
    marks = replace(line, parts=list(kept)).marks
    if trouble is not None:
        unread = _find_unread(line, left, trouble)
        reason = reader.language.say(f"line_{trouble.answer}", **trouble.values)
        kept.append(Part("unread", tuple(unread), reason=reason))
    return Reading({"title": title, **marks}, tuple(kept))


def _find_unread(line: Line, left: list[Part], trouble: Trouble) -> list[Word]:
    """Return the words that a trouble is about."""
    said = trouble.words.split()
    for start in range(len(line.words) - len(said) + 1 if said else 0):
        if [word.text for word in line.words[start : start + len(said)]] == said:
            return line.words[start : start + len(said)]
    start, end = line.split.place
    if trouble.answer == "reminder":
        return [word for part in left if part.field == "reminders" for word in part.words]
    return line.words[start:end] or line.words


def _take_signs(reader: Reader, words: list[Word], parts: list[Part]) -> list[Word]:
    """Take `#tag`, `!level` and `/list` from anywhere in a line; return the rest."""
    rest = []
    levels = reader.language.reading["levels"]
    for word in words:
        text = word.text.rstrip(",;")
        if match := _TAG.fullmatch(text):
            parts.append(Part("tags", (word,), [match[1]]))
        elif text[:1] == "!" and text[1:].lower() in levels:
            parts.append(Part("priority", (word,), levels[text[1:].lower()]))
        elif match := _LIST.fullmatch(text):
            parts.append(Part("list", (word,), reader.restore(match[1])))
        else:
            rest.append(word)
    return rest


def _take_tails(reader: Reader, words: list[Word], parts: list[Part]) -> list[Word]:
    """Take a priority, a reminder and a start in words off the end of a line; return the rest."""
    while tail := _find_tail(reader, words):
        part, count = tail
        parts.append(part)
        words = words[: len(words) - count]
        if words:
            words[-1] = replace(words[-1], text=words[-1].text.rstrip(",") or words[-1].text)
    return words


def _find_tail(reader: Reader, words: list[Word]) -> tuple[Part, int] | None:
    reading, text = reader.language.reading, join_words(words).rstrip(" ,;")
    if match := re.search(f"{reading['level_tail']}$", text, flags=re.IGNORECASE):
        level = next(group for group in match.groups() if group)
        count = len(match[0].strip(" ,").split())
        return Part("priority", tuple(words[-count:]), reading["levels"][level.lower()]), count
    for match in re.finditer(reading["remind_tail"], text, flags=re.IGNORECASE):
        count = len(text[match.start() :].strip(" ,").split())
        reminder = _read_reminder(reader, text[match.end() :].strip())
        if reminder and count < len(words):
            return Part("reminders", tuple(words[-count:]), [reminder]), count
    for match in re.finditer(reading["start_tail"], text, flags=re.IGNORECASE):
        count = len(text[match.start() :].strip(" ,").split())
        when = reader.read_time(text[match.end() :].strip())
        counts = re.match(reading["start_of_rule"], match[0], flags=re.IGNORECASE)
        if counts and _ends_with_rule(reader, text[: match.start()]):
            continue
        if when is not None and when.due and count < len(words):
            return Part("start", tuple(words[-count:]), when.due), count
    return None


def _ends_with_rule(reader: Reader, text: str) -> bool:
    split = reader.split(text)
    return split.when is not None and bool(split.when.rule)


def _read_reminder(reader: Reader, text: str) -> str | None:
    """Return a reminder as the tools take it, from what follows "remind me"; a duration counts back from the due."""
    if not text:
        return "0m"
    lead = re.fullmatch(reader.language.reading["lead_tail"], text, flags=re.IGNORECASE)
    if lead:
        return reader.read_duration(lead[1])
    when = reader.read_time(text)
    return when.due if when is not None and "T" in when.due else None


def _cut_reminder_lead(reader: Reader, words: list[Word]) -> Line:
    """Cut a line that may begin with "remind me to …" or "remind me on friday to …"."""
    lead = reader.language.reading["remind_lead"]
    begin = len(lead)
    if [word.text.lower() for word in words[:begin]] != lead:
        return cut_line(reader, words)
    for place in range(begin, len(words) - 1):
        when = words[begin:place]
        if words[place].text.lower() == "to" and (not when or reader.read_time(join_words(when))):
            line = cut_line(reader, words[place + 1 :], when)
            joint = (words[place],)
            line.parts.insert(0, Part("reminders", (*words[:begin], *(() if when else joint)), ["0m"]))
            return replace(line, joint=joint if when else ())
    return cut_line(reader, words)


def _settle_half(reader: Reader, title: str, when: When) -> When | None:
    """Return the reading of a clock time whose half of the day fits the title; None if that has to be asked."""
    if when.other is None or when.hour is None:
        return when
    table, low = reader.language.table, f" {title.lower()} "
    if when.hour >= 13 and any(f" {word} " in low for word in table["morning_titles"]):
        # An hour after six was moved to the evening only because it is nearer.
        return when.other if when.hour > 18 else None
    is_evening = any(f" {word} " in low for word in table["evening_titles"])
    return when.other if is_evening and 5 <= when.hour < 12 else when
