"""The built-in commands: each sentence leads to its call, and a sentence in doubt changes nothing."""

import json
from typing import Any

import pytest

from agent.builtin.commands import NAME, Commands
from agent.builtin.intents import COMPLETE
from agent.builtin.language import load_language
from agent.messages import Message, ToolCall
from tests.unit.command_replies import SHOWN, answer, ask, show
from tests.unit.command_tables import CHANGING, LISTS, MAKING, REPEATING, SERIES

HONESTY = load_language().say("honesty")
PROMISES = ("built-in-commands",)
READS = {"find_tasks", "get_task", "preview_occurrences"}
AFTER_A_LIST = show(SHOWN)


@pytest.mark.parametrize(("sentence", "args"), MAKING)
def test_a_task_is_made(sentence: str, args: dict[str, Any]) -> None:
    assert ask(sentence)[1] == [("create_task", args)]


@pytest.mark.parametrize(("sentence", "args"), REPEATING)
def test_a_series_is_made(sentence: str, args: dict[str, Any]) -> None:
    assert ask(sentence)[1] == [("create_recurring_task", args)]


@pytest.mark.parametrize(("sentence", "args"), LISTS)
def test_a_list_is_asked_for(sentence: str, args: dict[str, Any]) -> None:
    assert ask(sentence)[1] == [("find_tasks", args)]


@pytest.mark.parametrize(("sentence", "words", "tool", "args"), CHANGING)
def test_a_task_is_found_and_changed(sentence: str, words: str | None, tool: str, args: dict[str, Any]) -> None:
    calls = ask(sentence, AFTER_A_LIST)[1]
    assert calls[-1] == (tool, args)
    assert [call[1]["text"] for call in calls[:-1]] == ([words] if words else [])


@pytest.mark.parametrize(("sentence", "words", "tool", "args"), SERIES)
def test_what_is_called_a_series_is_found_among_them_and_changed_as_a_whole(
    sentence: str, words: str, tool: str, args: dict[str, Any]
) -> None:
    search = ("find_tasks", {"text": words, "kind": "recurring", "limit": 20})
    assert ask(sentence, AFTER_A_LIST)[1] == [search, (tool, {"task_id": "T", **args})]
    assert ask(sentence, found=[{"id": "1", "title": "one"}, {"id": "2", "title": "two"}])[1] == [search]


@pytest.mark.parametrize(("sentence", "words"), [row[:2] for row in CHANGING if row[1]])
def test_a_task_that_is_not_found_is_not_changed(sentence: str, words: str) -> None:
    said, calls = ask(sentence, found=[])
    assert [name for name, _ in calls] == ["find_tasks"]
    assert words in said


@pytest.mark.parametrize("sentence", [row[0] for row in CHANGING if row[1]])
def test_of_several_tasks_none_is_changed(sentence: str) -> None:
    said, calls = ask(sentence, found=[{"id": "1", "title": "one"}, {"id": "2", "title": "two"}])
    assert [name for name, _ in calls] == ["find_tasks"]
    assert "Which one" in said
    assert "2. two" in said


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("add call mum on fribday at 5", "“on fribday”"),
        ("add call mum tomoroww", "“tomoroww”"),
        ("add call mum at 25:00", "25:00"),
        ("add call mum at 5:99", "5:99"),
        ("add call mum at 13pm", "13pm"),
        ("add call mum on 31 february", "“on 31"),
        ("add call mum on 10/11", "10/11"),
        ("add call mum in 3 huors", "“in 3 huors”"),
        ("add call mum tomorrow at midnight", "tomorrow"),
        ("add call mum on friday and saturday", "friday"),
        ("add call mum on friday at 5 tomorrow", "friday"),
        ("add call mum on friday about the car", "“on friday”"),
        ("add call mum at 5 at 6", "“at 5”"),
        ("add stay until friday", "until"),
        ("add call mum before friday", "before"),
        ("add call mum on monday 27 november", "monday"),
        ("add call mum tomorrow morning at 5pm", "tomorrow"),
        ("add call mum in november", "november”"),
        ("add stretch every fribday", "every fribday"),
        ("add stretch every second tuesday", "every second"),
        ("add stretch every full moon", "every full"),
        ("add take pills twice a day", "twice a day"),
        ("add stretch every day tomorrow", "every day"),
        ("add stretch every monday until fribday", "every monday"),
        ("remind me to call mum on fribday", "“on fribday”"),
        ("remind me fribday to call mum", "fribday"),
        ("remind me to call mum", "When?"),
        ("remind me about the dentist", "When?"),
        ("remind me a while before the dentist", "How long?"),
        ("snooze", "How long?"),
        ("snooze until fribday", "fribday"),
        ("move the dentist to fribday", "fribday"),
        ("move the dentist to the garage", "the garage"),
        ("change task 1 to water the plants every friday", "repetition"),
        ("change the dentist to fribday", "fribday"),
        ("change task 1 to call mom on fribday", "fribday"),
        ("repeat the backup", "How often"),
        ("repeat the backup tomorrow", "How often"),
        ("skip water plants on fribday", "fribday"),
        ("pause water plants until fribday", "fribday"),
        ("pause water plants until friday at 5", "friday at 5"),
        ("rename a to b to c", "more than one way"),
        ("replace the notes of lunch with anna with menu", "more than one way"),
        ("replace the notes of groceries", "did not understand"),
        ("delete the notes of the meeting", "are its notes to go"),
        ("remove the notes from groceries", "are its notes to go"),
        ("change the plants series to fribday", "How often"),
        ("change the plants series to friday at 5", "How often"),
        ("change the plants series to water flowers", "How often"),
        ("postpone the plants series by 2 days", "no date of its own"),
        ("clear the due date of the plants series", "no date of its own"),
        ("rename the plants series to a to b", "more than one way"),
        ("tag groceries with home and garden", "more than one way"),
        ("set priority of groceries to purple", "priorities"),
        ("delete all completed", "many tasks"),
        ("delete everything", "many tasks"),
        ("complete all my tasks", "many tasks"),
        ("delete tasks 1 and 3", "one task at a time"),
        ("mark 1, 2 and 3 as done", "one task at a time"),
        ("delete task 7", "no number"),
        ("delete 0", "no number"),
        ("delete it", "do not know which"),
        ("add", "did not understand"),
        ("add a task", "What is the task called?"),
        ("add tomorrow", "What is the task called?"),
        ("add tomorrow at 5", "What is the task called?"),
        ("add milk\nadd bread", "one thing at a time"),
        ("the milk is empty tomorrow", "Shall I add"),
        ("the weather is nice", "If it is a new task, say “add the weather is nice”."),
        ("bread and butter", "say “add bread and butter”"),
        ("what is the meaning of life", "the meaning of life"),
        ("asdf qwer", "did not understand"),
        ("", "did not understand"),
        ("…!?", "did not understand"),
        ("cancel that", "nothing was changed"),
        ("don't delete task 1", "did not understand"),
        ("do not complete task 1", "did not understand"),
        ("I'm not done with task 1", "did not understand"),
        ("should I delete task 1?", "did not understand"),
        ("redo", "nothing to redo"),
        ("more", "no more"),
        ("yes", "no open question"),
        ("never mind", "nothing was changed"),
        ("hello", "Hello"),
        ("thanks!", "welcome"),
        ("help", "sentences I understand"),
        ("add " + "x" * 600, "too long"),
        ("add \ud800", "did not understand"),
        ("add \ue000", "did not understand"),
    ],
)
def test_doubt_changes_nothing_and_asks(sentence: str, expected: str) -> None:
    said, calls = ask(sentence, AFTER_A_LIST)
    assert not [name for name, _ in calls if name not in READS]
    assert expected in said


def _ring(*times: str) -> list[dict[str, Any]]:
    return [
        {"id": f"T{at}", "title": "x", "reminders": [{"id": f"R{at}", "remind_at": at, "status": "fired"}]}
        for at in times
    ]


def test_snoozing_takes_the_reminder_that_rang_last() -> None:
    found = _ring("2026-11-23T07:00:00Z", "2026-11-23T07:59:00Z", "2026-11-23T06:00:00Z")
    newest = ("snooze_reminder", {"reminder_id": "R2026-11-23T07:59:00Z", "duration": "10m"})
    assert ask("snooze 10 minutes", found=found)[1] == [("find_tasks", {"limit": 50}), newest]


def test_snoozing_does_not_choose_from_a_part_of_the_tasks() -> None:
    call = ToolCall("call_1", "find_tasks", '{"limit": 50}')
    page = json.dumps({"tasks": _ring("2026-11-23T07:00:00Z"), "next_cursor": "c"})
    before = [Message("user", "snooze 10 minutes"), Message("assistant", calls=(call,))]
    said, finished = answer([*before, Message("tool", page, call_id="call_1")])
    assert "name the task" in said
    assert not finished.calls


def test_a_number_without_a_list_shows_one_and_waits_for_the_choice() -> None:
    said, calls = ask("mark task 3 complete", found=SHOWN)
    assert calls == [("find_tasks", {"limit": 20})]
    assert "3. dentist" in said
    messages = [*_searched("mark task 3 complete", {"limit": 20}, SHOWN), Message("assistant", said)]
    assert ask("3", messages)[1] == [("complete_task", {"task_id": "C"})]


def _searched(text: str, args: dict[str, Any], rows: list[dict[str, Any]]) -> list[Message]:
    turn = show(rows, text)
    call = ToolCall("call_1", "find_tasks", str(args).replace("'", '"'))
    return [turn[0], Message("assistant", calls=(call,)), turn[2]]


@pytest.mark.parametrize("reply", ["2", "the second", "The second one.", "number 2", "two", "'two'", "“two”", "TWO!"])
def test_the_choice_is_made_by_number_or_title(reply: str) -> None:
    rows = [{"id": "1", "title": "one"}, {"id": "2", "title": "two"}]
    before = [*_searched("delete the thing", {"text": "thing", "limit": 20}, rows), Message("assistant", "Which?")]
    assert ask(reply, before)[1] == [("delete_task", {"task_id": "2"})]


@pytest.mark.parametrize("reply", ["3", "t", "three", "o"])
def test_a_choice_that_is_none_changes_nothing(reply: str) -> None:
    rows = [{"id": "1", "title": "one two"}, {"id": "2", "title": "two to"}]
    before = [*_searched("delete the thing", {"text": "thing", "limit": 20}, rows), Message("assistant", "Which?")]
    assert not [name for name, _ in ask(reply, before)[1] if name not in READS]


def test_a_choice_may_be_missed_once_and_made_then() -> None:
    rows = [{"id": "1", "title": "one"}, {"id": "2", "title": "two"}]
    before = [*_searched("delete the thing", {"text": "thing", "limit": 20}, rows), Message("assistant", "Which?")]
    said, calls = ask("9", before)
    assert not calls
    before += [Message("user", "9"), Message("assistant", said)]
    assert ask("1", before)[1] == [("delete_task", {"task_id": "1"})]


def test_after_another_topic_the_question_is_closed() -> None:
    rows = [{"id": "1", "title": "one"}, {"id": "2", "title": "two"}]
    before = [*_searched("delete the thing", {"text": "thing", "limit": 20}, rows), Message("assistant", "Which?")]
    before += [Message("user", "thanks"), Message("assistant", "You are welcome.")]
    assert not ask("2", before)[1]


def test_a_search_of_the_model_itself_does_not_renumber_the_list_that_was_shown() -> None:
    before = [
        *AFTER_A_LIST,
        *_searched("delete the thing", {"text": "thing", "limit": 20}, [{"id": "X", "title": "x"}]),
    ]
    delete = ToolCall("call_1", "delete_task", '{"task_id": "X"}')
    before += [Message("assistant", calls=(delete,)), Message("tool", '{"message": "gone"}', call_id="call_1")]
    before += [Message("assistant", "gone")]
    assert ask("mark task 3 complete", before)[1] == [("complete_task", {"task_id": "C"})]


def test_a_list_that_another_model_showed_has_numbers_too() -> None:
    before = show(SHOWN, "What do I have on my plate, dear?")
    assert ask("delete task 2", before)[1] == [("delete_task", {"task_id": "B"})]


@pytest.mark.parametrize("sentence", ["task 2 is done?", "is task 2 done?", "did I finish task 2?", "I've finished 2?"])
def test_a_question_is_not_taken_for_news(sentence: str) -> None:
    assert ask(sentence, AFTER_A_LIST)[1] == [("get_task", {"task_id": "B"})]
    assert ask("task 2 is done.", AFTER_A_LIST)[1] == [("complete_task", {"task_id": "B"})]


def test_a_time_that_is_not_understood_leaves_the_question_open() -> None:
    before = [Message("user", "remind me to call mum"), Message("assistant", "When?")]
    said, calls = ask("on fribday", before)
    assert "fribday" in said
    assert not calls
    before += [Message("user", "on fribday"), Message("assistant", said)]
    assert ask("on friday", before)[1][0][1]["due"] == "2026-11-27"


def test_what_was_missing_is_taken_from_the_next_message() -> None:
    before = [Message("user", "remind me to call mum"), Message("assistant", "When?")]
    due = {"title": "call mum", "reminders": ["0m"], "due": "2026-11-24T09:00"}
    assert ask("tomorrow at 9", before)[1] == [("create_task", due)]
    assert ask("tomorrow", before)[1] == [("create_task", {**due, "due": "2026-11-24"})]
    before = [Message("user", "add tomorrow"), Message("assistant", "What?")]
    assert ask("buy milk", before)[1] == [("create_task", {"title": "buy milk", "due": "2026-11-24"})]


@pytest.mark.parametrize(
    ("text", "hint", "expected"),
    [
        (
            "invalid_time: That is no time. Give a date. See find_tasks.",
            "See find_tasks.",
            "That did not work: That is no time. Give a date.",
        ),
        ("version_conflict: Somebody changed it.", "", "That did not work: Somebody changed it."),
        (
            "confirmation_required: The person has to agree. Open http://127.0.0.1/confirm_it.",
            "",
            "That did not work: The person has to agree. Open http://127.0.0.1/confirm_it.",
        ),
    ],
)
def test_a_failed_call_is_told_as_such(text: str, hint: str, expected: str) -> None:
    call = ToolCall("call_1", "create_task", '{"title": "x"}')
    before = [Message("user", "add x"), Message("assistant", calls=(call,))]
    said, finished = answer([*before, Message("tool", text, call_id="call_1", failed=True, hint=hint)])
    assert said == expected
    assert not finished.calls


def test_a_result_that_cannot_be_read_is_no_success() -> None:
    call = ToolCall("call_1", "create_task", '{"title": "x"}')
    before = [Message("user", "add x"), Message("assistant", calls=(call,))]
    for text in ("", "[", "[1]", "null", "[" * 100_000):
        said, finished = answer([*before, Message("tool", text, call_id="call_1")])
        assert "could not be read" in said
        assert not finished.calls


def test_yes_repeats_the_call_that_wanted_a_confirmation() -> None:
    call = ToolCall("call_1", "delete_task", '{"task_id": "A"}')
    refusal = Message("tool", "confirmation_required: Agree first.", call_id="call_1", failed=True)
    before = [*AFTER_A_LIST, Message("user", "delete 1"), Message("assistant", calls=(call,)), refusal]
    before.append(Message("assistant", "Agree first."))
    assert ask("yes", before)[1] == [("delete_task", {"task_id": "A"})]
    assert not ask("no", before)[1]


@pytest.mark.parametrize(
    ("sentence", "call"),
    [
        (
            "The plants are watered every Monday at 18:00",
            ("create_recurring_task", {"title": "The plants are watered", "rule": "FREQ=WEEKLY;BYDAY=MO;BYHOUR=18"}),
        ),
        ("we meet friday at 3", ("create_task", {"title": "we meet", "due": "2026-11-27T15:00"})),
    ],
)
def test_a_statement_with_a_time_is_offered_and_made_on_a_yes(sentence: str, call: tuple[str, dict[str, Any]]) -> None:
    said, calls = ask(sentence)
    assert not calls
    assert f"Shall I add “{sentence}”?" in said
    before = [Message("user", sentence), Message("assistant", said)]
    assert ask("yes", before)[1] == [call]
    assert not ask("no", before)[1]
    assert not ask("no such thing", before)[1]
    assert not ask("yes", [*before, Message("user", "thanks"), Message("assistant", "Fine.")])[1]
    assert "Shall I" not in ask(f"{sentence}?")[0]


def test_the_first_answer_says_what_this_is_and_no_other_does() -> None:
    assert Commands().name == NAME == "offline-commands"
    assert HONESTY.startswith("Built-in commands: no language model is connected")
    assert ask("hello")[0].startswith(HONESTY)
    assert answer([Message("user", "add x")])[0] == HONESTY
    assert HONESTY not in ask("hello", [Message("user", "hi"), Message("assistant", "hi")])[0]


def test_without_tools_it_only_talks() -> None:
    said, finished = answer([Message("user", "add x")], tools=())
    assert "cannot reach" in said
    assert not finished.calls


def test_every_entry_of_the_language_file_leads_to_a_tool_an_answer_or_a_function() -> None:
    entries = load_language().table["intents"]
    # Their answers depend on the state of the conversation.
    talk = {"help", "decline"}
    assert {name for name, entry in entries.items() if not entry.keys() & {"tool", "reply"}} == {
        "create_recurring",
        "delete_notes",
        *talk,
    }
    assert entries["create_recurring"]["sentences"] == [], "only its examples are shown"
    assert COMPLETE.keys() <= entries.keys()
    assert "delete_notes" in COMPLETE


@pytest.mark.parametrize("sentence", [one for group in Commands().list_examples().values() for one in group])
def test_every_example_is_understood(sentence: str) -> None:
    # Some speak of the task that was spoken of last.
    of_last = any(words in sentence for words in ("it 6", "hour before", "until I do it"))
    said, calls = ask(sentence, show(SHOWN[:1]) if of_last else AFTER_A_LIST)
    assert calls or sentence in ("help", "redo", "more")
    assert "did not understand" not in said


def test_a_clock_alone_keeps_the_day_of_the_task() -> None:
    row = {"id": "T", "title": "dentist", "due_local": "2026-11-27T15:00"}
    assert ask("move the dentist to 5pm", found=[row])[1][-1][1] == {"task_id": "T", "due": "2026-11-27T17:00"}
    assert ask("move it to 5", show([row]))[1][-1][1] == {"task_id": "T", "due": "2026-11-27T17:00"}
