"""Raw arguments are parsed leniently in form and strictly in meaning."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import model_validator

from tests.unit.example_requests import Example, ReminderSpec, Step
from todo.errors import InvalidArguments
from todo.requests.arguments import Arguments, read_arguments
from todo.requests.request import Request


def read(**raw: Any) -> Example:
    return read_arguments(Example, {"title": "Milk", **raw}).request


def refuse(raw: object) -> InvalidArguments:
    with pytest.raises(InvalidArguments) as caught:
        read_arguments(Example, raw)
    assert caught.value.next_step
    json.dumps(caught.value.details)
    return caught.value


def refuse_field(name: str, value: object, key: str = "") -> str:
    error = refuse({"title": "Milk", name: value})
    assert list(error.details["fields"]) == [key or name]
    sentence: str = error.details["fields"][key or name]
    assert error.sentence == sentence
    return sentence


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("notes", None, None),
        ("notes", "  a  b\n", "a  b"),
        ("notes", "bell\x07", "bell\x07"),
        ("notes", 5, "5"),
        ("notes", 5.0, "5"),
        ("notes", 5.5, "5.5"),
        ("notes", '["a"]', '["a"]'),
        ("tags", "one", ["one"]),
        ("tags", " one ", ["one"]),
        ("tags", '["a","b"]', ["a", "b"]),
        ("tags", "[b] c", ["[b] c"]),
        ("tags", "[]", []),
        ("tags", [], []),
        ("tags", ["a", None, " b "], ["a", "b"]),
        ("tags", [None], None),
        ("tags", [5, 7.0], ["5", "7"]),
        ("tags", 5, ["5"]),
        ("numbers", '[1, 2.0, "3"]', (1, 2, 3)),
        ("numbers", 4, (4,)),
        ("limit", "5", 5),
        ("limit", " 5.0 ", 5),
        ("limit", 5.0, 5),
        ("share", "0.5", 0.5),
        ("share", 1, 1.0),
        ("paused", "Yes", True),
        ("paused", "true", True),
        ("paused", "NO", False),
        ("paused", "false", False),
        ("paused", 0, False),
        ("sort", "-DUE", "-due"),
        ("mood", "Urgent One", "urgent_one"),
        ("mood", "urgent-one", "urgent_one"),
        ("ends", 3, 3),
        ("ends", "3", "3"),
        ("clear", "Notes", ["notes"]),
        ("step", '{"tool": " a ", "arguments": "{\\"b\\": 1}"}', Step(tool="a", arguments={"b": 1})),
        ("step", {"tool": "a", "then": {"tool": "b"}}, Step(tool="a", then=Step(tool="b"))),
        ("step", {"tool": "a", "arguments": {"b": None}}, Step(tool="a", arguments={"b": None})),
        ("reminders", "30m", [ReminderSpec(before="30m")]),
        ("reminders", ["2026-01-01", {"before": 5}], [ReminderSpec(at="2026-01-01"), ReminderSpec(before="5")]),
        ("reminders", {"before": "1h"}, [ReminderSpec(before="1h")]),
        ("reminders", '{"before": "1h"}', [ReminderSpec(before="1h")]),
        ("reminders", '[{"before": "1h"}, "2h"]', [ReminderSpec(before="1h"), ReminderSpec(before="2h")]),
    ],
)
def test_a_value_is_brought_into_the_form_of_its_field(name: str, given: object, wanted: object) -> None:
    value = getattr(read(**{name: given}), name)
    assert value == wanted
    assert type(value) is type(wanted)


@pytest.mark.parametrize(
    ("name", "words", "wanted"),
    [
        ("priority", ["high", "HIGH", " High ", "P1", "urgent", "highest", "important", "1", 1, 1.0], "high"),
        ("priority", ["P2", "normal", 2, "Medium"], "medium"),
        ("priority", ["P3", "3", 3], "low"),
        ("priority", ["P4", "4", "no", "off", "None"], "none"),
        ("status", ["done", "Closed", "complete"], "completed"),
        ("status", ["todo", "to-do", "To do", "pending", "active"], "open"),
        ("status", ["any"], "all"),
        ("status", ["late"], "overdue"),
    ],
)
def test_an_enum_is_read_in_any_case_and_by_its_usual_synonyms(name: str, words: list[object], wanted: str) -> None:
    assert [getattr(read(**{name: word}), name) for word in words] == [wanted] * len(words)


def test_synonyms_of_one_enum_are_none_of_another() -> None:
    assert refuse_field("mood", "done") == '"mood" must be one of urgent_one, calm, not "done".'
    assert "must be one of" in refuse_field("sort", "p1")


def test_an_empty_text_is_not_given_and_a_warning_says_how_to_empty_the_field() -> None:
    raw = {"title": "Milk", "notes": " ", "due": "", "limit": "", "reminders": [{"at": "", "before": "1h"}]}
    arguments = read_arguments(Example, raw)
    assert arguments.request == Example(title="Milk", reminders=[ReminderSpec(before="1h")])
    assert arguments.warnings == (
        '"notes" was empty and so left as it is; to empty it, use clear=["notes"].',
        '"due" was empty and so taken as not given.',
        '"limit" was empty and so taken as not given.',
        '"reminders[0].at" was empty and so taken as not given.',
    )


def test_an_argument_is_known_by_its_name_on_the_wire() -> None:
    assert read(**{"except": "3"}).skip == [3]
    assert "skip" in refuse({"title": "Milk", "skip": 3}).details["fields"]


@pytest.mark.parametrize("blank", ["", " \n", None])
def test_a_required_text_cannot_be_empty_or_null(blank: object) -> None:
    wanted = '"title" is missing.' if blank is None else '"title" is empty.'
    assert refuse({"title": blank}).sentence == wanted
    assert refuse({}).sentence == '"title" is missing.'
    assert refuse_field("step", {"tool": blank}, "step.tool").startswith('"step.tool" is ')


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("titel", "title"),
        ("id", "task_id"),
        ("taskId", "task_id"),
        ("name", "title"),
        ("description", "notes"),
        ("deadline", "due"),
        ("due-date", "due"),
        ("prio", "priority"),
        ("Tags", "tags"),
    ],
)
def test_an_unknown_argument_is_refused_with_the_one_that_was_meant(name: str, meant: str) -> None:
    assert refuse_field(name, 1) == f'"{name}" is not an argument; did you mean "{meant}"?'
    assert refuse_field(name, None) == f'"{name}" is not an argument; did you mean "{meant}"?'


def test_an_unknown_argument_without_a_near_one_gets_the_names_that_are_allowed() -> None:
    assert refuse_field("user_id", 1).startswith('"user_id" is not an argument; allowed: title, task_id, notes, ')
    assert refuse_field("reminders", [{"at": "1"}, {"xyz": 1}], "reminders[1].xyz").endswith("allowed: at, before.")


@pytest.mark.parametrize(
    ("name", "given", "key", "sentence"),
    [
        ("title", "a" * 21, "", "has 21 characters; at most 20 are allowed."),
        ("tags", list("abcd"), "", "has 4 items; at most 3 are allowed."),
        ("tags", ["a", "b" * 9], "tags[1]", "has 9 characters; at most 8 are allowed."),
        ("tags", ["a", ""], "tags[1]", "is empty."),
        ("tags", {"a": 1}, "", "must be a list, not an object."),
        ("tags", [["a"]], "tags[0]", "must be a text, not a list."),
        ("notes", True, "", "must be a text, not true."),
        ("limit", 0, "", "must be greater than or equal to 1, not 0."),
        ("limit", 5.5, "", "must be a whole number, not 5.5."),
        ("limit", "5.5", "", 'must be a whole number, not "5.5".'),
        ("limit", True, "", "must be a whole number, not true."),
        ("limit", "true", "", 'must be a whole number, not "true".'),
        ("limit", "five", "", 'must be a whole number, not "five".'),
        ("limit", str(2**63), "", "is a whole number beyond 64 bits."),
        ("limit", 1e300, "", "is a whole number beyond 64 bits."),
        ("share", "NaN", "", 'must be a number, not "NaN".'),
        ("share", "1e999", "", "must be a finite number."),
        ("share", False, "", "must be a number, not false."),
        ("paused", "maybe", "", 'must be true or false, not "maybe".'),
        ("paused", 2, "", "must be true or false, not 2."),
        ("day", "9am", "", 'must be of the form ^[a-z]+$, not "9am".'),
        ("priority", "hgih", "", 'must be one of none, low, medium, high, not "hgih"; did you mean "high"?'),
        ("priority", True, "", "must be one of none, low, medium, high, not true."),
        ("step", "run", "", 'must be an object, not "run".'),
        ("step", {"tool": "a", "arguments": [1]}, "step.arguments", "must be an object, not a list."),
        ("reminders", "never", "reminders[0]", "cannot be read: a reminder cannot be never."),
        ("reminders", "123456789", "reminders[0].before", "has 9 characters; at most 8 are allowed."),
    ],
)
def test_a_value_of_wrong_meaning_is_refused_in_a_plain_sentence(
    name: str, given: object, key: str, sentence: str
) -> None:
    assert refuse_field(name, given, key) == f'"{key or name}" {sentence}'


@pytest.mark.parametrize("raw", [None, [], "{}", 5, float("nan"), 2**200, object(), b"{}"])
def test_what_is_no_object_is_refused(raw: object) -> None:
    assert refuse(raw).sentence.startswith("The arguments must be an object, not ")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("a\0b", "holds a NUL character."),
        ("a\ud800b", "holds half of a surrogate pair."),
        (float("nan"), "must be a finite number."),
        (float("-inf"), "must be a finite number."),
        (2**63, "is a whole number beyond 64 bits."),
        (-(2**200), "is a whole number beyond 64 bits."),
        (b"bytes", "is not a JSON value."),
    ],
)
def test_what_cannot_be_stored_is_refused_wherever_it_stands(value: object, sentence: str) -> None:
    assert refuse_field("notes", value) == f'"notes" {sentence}'
    inner = {"tool": "a", "arguments": {"b": [1, value]}}
    assert refuse_field("step", inner, "step.arguments.b[1]") == f'"step.arguments.b[1]" {sentence}'
    assert refuse_field("unknown", {"x": value}, "unknown.x") == f'"unknown.x" {sentence}'


@pytest.mark.parametrize("key", ["a\0b", "a\ud800b", 5, None, 2**200])
def test_a_name_that_cannot_be_stored_is_refused(key: Any) -> None:
    for raw in ({"title": "Milk", key: 1}, {"title": "Milk", "step": {"tool": "a", "arguments": {key: 1}}}):
        assert refuse(raw).sentence.endswith(", as a name.")


def test_what_a_json_text_holds_is_looked_at_as_well() -> None:
    assert refuse_field("tags", '["a\\u0000b"]', "tags[0]") == '"tags[0]" holds a NUL character.'
    assert refuse_field("step", '{"tool": "a", "arguments": {"b": 9223372036854775808}}', "step.arguments.b")
    assert "nested deeper" in refuse_field("tags", "[" * 40 + "]" * 40)


def nest(depth: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return {"tool": "a", "arguments": {"b": value}}


def test_nesting_is_allowed_to_32_levels_and_refused_beyond() -> None:
    assert read(step=nest(29)).step == Step(**nest(29))
    for depth in (30, 100_000):
        assert refuse_field("step", nest(depth)) == '"step" is nested deeper than 32 levels.'
    loop: list[Any] = []
    loop.extend([loop, loop, loop])
    assert "nested deeper" in refuse_field("tags", loop)


def test_all_problems_are_told_at_once_up_to_five() -> None:
    error = refuse({"titel": "Milk", "limit": "x", "priority": "y"})
    assert set(error.details["fields"]) == {"title", "titel", "limit", "priority"}
    assert error.sentence == " ".join(error.details["fields"].values())
    error = refuse({"title": "Milk", "limit": "x", **{f"zzz{n}": n for n in range(9)}})
    assert len(error.details["fields"]) == 5
    assert error.sentence.endswith(" And 5 more.")


def test_problems_are_told_in_the_order_of_the_call() -> None:
    assert list(refuse({"title": "\0", "notes": "\0", "tags": ["\0", "\0"]}).details["fields"]) == [
        "title", "notes", "tags[0]", "tags[1]",
    ]  # fmt: skip


def test_what_a_model_says_of_the_whole_is_told_only_if_its_parts_are_right() -> None:
    class Either(Request):
        at: str | None = None
        limit: int = 1

        @model_validator(mode="after")
        def check_given(self) -> "Either":
            if self.at is None:
                raise ValueError("at is wanted.")
            return self

    with pytest.raises(InvalidArguments) as caught:
        read_arguments(Either, {})
    assert caught.value.sentence == '"arguments" is refused: at is wanted.'
    with pytest.raises(InvalidArguments) as caught:
        read_arguments(Either, {"limit": True})
    assert list(caught.value.details["fields"]) == ["limit"]


def test_a_large_or_acting_value_is_never_echoed_as_it_is() -> None:
    assert refuse_field("priority", "x" * 10_000).count("x") < 60
    shown = refuse_field("priority", "a\x1b[2J\u202eb\x07")
    assert '"a\\x1b[2J\\u202eb\\x07"' in shown
    assert len(refuse({"title": "Milk", "y\u202e" * 10_000: 1}).sentence) < 400
    assert len(refuse({"title": "Milk", "step": {"a" * 900: 1, "tool": "a"}}).text) < 300


def test_a_refusal_does_not_carry_the_words_of_the_validator() -> None:
    error = refuse({"title": "a" * 999, "tags": [{}], "reminders": [5.5, []], "step": "x", "limit": -1})
    assert "pydantic" not in error.text
    assert "input_value" not in error.text
    assert error.__context__ is None


def test_a_call_with_very_many_problems_is_refused_quickly() -> None:
    error = refuse({f"some_unknown_name_{n}": n for n in range(20_000)})
    assert error.sentence.endswith(f" And {20_001 - 5} more.")


words = st.sampled_from(["", " x ", "P1", "5", "5.0", "[1]", '["a", ""]', '{"tool": "a"}', "notes", "yes", "20", "NaN"])
scalars = (
    st.none() | st.booleans() | st.integers() | st.sampled_from([2**63, 2**200]) | st.floats()
    | words | st.text(st.characters(exclude_categories=()), max_size=9)
)  # fmt: skip
names = st.sampled_from([*Example.model_fields, "except", "tool", "arguments", "at", "before", "then"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=3), inner, max_size=4)
)


@given(st.dictionaries(names, values, max_size=6) | values)
@settings(max_examples=500, deadline=None)
def test_every_input_is_parsed_or_refused(raw: object) -> None:
    told = ""
    try:
        read_arguments(Example, raw)
    except InvalidArguments as error:
        told = error.text + json.dumps(error.details, allow_nan=False)
    assert told.isprintable()
    assert len(told) < 6000


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    refuse(10**5000)
    refuse({"title": 10**5000, 10**5000: 1})
    assert refuse_field("limit", "9" * 5000).startswith('"limit" must be a whole number, not "999')
    assert refuse_field("notes", 10**5000) == '"notes" is a whole number beyond 64 bits.'


known = {
    "task_id": scalars, "notes": scalars, "priority": st.sampled_from(["P1", "LOW", 3, ""]),
    "paused": st.booleans() | words, "tags": st.lists(words | st.none(), max_size=3) | words,
    "limit": st.integers(1, 99) | words, "share": st.floats() | words,
    "reminders": st.lists(words | st.fixed_dictionaries({}, optional={"at": words}), max_size=2), "ends": scalars,
    "step": st.fixed_dictionaries({"tool": words}, optional={"arguments": st.dictionaries(words, values, max_size=2)}),
    "except": st.lists(st.integers(), max_size=2), "clear": st.just("Notes"),
}  # fmt: skip


@given(st.fixed_dictionaries({"title": words}, optional=known))
@settings(max_examples=500, deadline=None)
def test_reading_what_was_read_gives_the_same_request(raw: dict[str, Any]) -> None:
    try:
        request = read_arguments(Example, raw).request
    except InvalidArguments:
        return
    for mode in ("python", "json"):
        again = read_arguments(Example, request.model_dump(mode=mode, exclude_none=True, by_alias=True))
        assert again == Arguments(request, ())
