"""Conversations of a person with the built-in commands over the real tools."""

from datetime import timedelta

import pytest

from agent.builtin.language import load_language
from tests.integration.conversation.conversing import Talk, open_talk
from tests.world import World

PROMISES = ("built-in-commands",)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def talk(world: World) -> Talk:
    return await open_talk(world)


async def titles(world: World, **filters: str) -> list[str]:
    found = await world.call(await world.connect(), "find_tasks", sort="title", **filters)
    return [task["title"] for task in found["tasks"]]


async def test_the_eight_requests_in_one_conversation(world: World, talk: Talk) -> None:
    said = await talk.say("add a task to buy groceries")
    assert said.startswith(load_language().say("honesty"))
    assert '"buy groceries" is saved' in said
    await talk.say("add prepare the meeting")
    await talk.say("add call the bank")
    said = await talk.say("show all my tasks")
    assert "All tasks (3):" in said
    assert "1. buy groceries" in said
    assert load_language().say("honesty") not in said
    assert "Open tasks (3):" in await talk.say("what is pending?")
    assert await talk.say("mark task 3 complete") == '"call the bank" is completed.'
    assert await talk.say("delete the meeting task") == '"prepare the meeting" is deleted.'
    said = await talk.say("change task 1 to call mom tonight")
    assert said == '"call mom" is changed (title), due Mon 23 Nov 2026, 20:00 Europe/Berlin.'
    assert '"pay bills" is saved' in await talk.say("I need to remember to pay bills")
    assert await talk.say("what have I completed?") == "Completed (1):\n1. call the bank, done"
    assert await titles(world) == ["call mom", "pay bills"]


async def test_several_tasks_that_fit_are_asked_about(world: World, talk: Talk) -> None:
    await talk.say("add dentist appointment on friday")
    await talk.say("add dentist bill")
    said = await talk.say("delete dentist")
    assert (
        said == "Which one do you mean? Say its number.\n1. dentist appointment, due Fri 27 Nov 2026\n2. dentist bill"
    )
    assert await talk.say("the second") == '"dentist bill" is deleted.'
    assert [name for name, _ in talk.calls] == ["delete_task"]
    assert await titles(world) == ["dentist appointment"]


async def test_a_number_before_any_list_shows_one(world: World, talk: Talk) -> None:
    await talk.say("add one")
    await talk.say("add two")
    said = await talk.say("delete task 2")
    assert "2. two" in said
    assert await titles(world) == ["one", "two"]
    assert await talk.say("2") == '"two" is deleted.'


async def test_what_is_not_there_is_not_changed(world: World, talk: Talk) -> None:
    await talk.say("add buy groceries")
    await talk.say("done with groceries")
    assert "I found no task for “zebra”; nothing was changed." in await talk.say("delete zebra")
    said = await talk.say("delete groceries")
    assert said == "I found no open task for “groceries”; completed: “buy groceries”. Nothing was changed."
    assert await talk.say("reopen groceries") == '"buy groceries" is open again.'


async def test_undo_and_redo(world: World, talk: Talk) -> None:
    await talk.say("add one")
    await talk.say("add two")
    said = await talk.say("undo")
    assert said == 'Undone: "two" is gone. Say “redo” to bring it back.'
    assert 'Undone: "one" is gone.' in await talk.say("undo")
    assert await titles(world) == []
    assert "nothing to undo" in await talk.say("undo")
    assert await talk.say("redo") == 'Done again: "one" is back.'
    assert await talk.say("redo") == 'Done again: "two" is back.'
    assert await talk.say("redo") == "There is nothing to redo."
    assert await titles(world) == ["one", "two"]
    await talk.say("undo")
    await talk.say("add three")
    assert await talk.say("redo") == "There is nothing to redo."


async def test_reminders_ring_and_are_snoozed(world: World, talk: Talk) -> None:
    assert "no reminder" in (await talk.say("snooze 10 minutes")).lower()
    said = await talk.say("remind me in 10 minutes to check the oven")
    assert "you will be reminded Mon 23 Nov 2026, 10:10" in said
    assert "When?" in await talk.say("remind me to stretch")
    assert "Tue 24 Nov 2026, 09:00" in await talk.say("tomorrow at 9")
    await talk.say("add dentist on friday at 3")
    assert "14:30" in await talk.say("remind me 30 minutes before the dentist")
    await world.tick(minutes=11)
    assert "10:21" in await talk.say("snooze 10 minutes")
    await world.tick(minutes=11)
    assert "Tue 24 Nov 2026, 09:00" in await talk.say("snooze the oven until tomorrow at 9")
    assert "Tasks with a waiting reminder (3):" in await talk.say("show my reminders")
    await talk.say("cancel the reminder for the dentist")
    assert "Tasks with a waiting reminder (2):" in await talk.say("show my reminders")
    assert "passed" in await talk.say("remind me about the oven on 23 november at 8am")


async def test_a_recurring_task_from_its_first_to_its_last(world: World, talk: Talk) -> None:
    said = await talk.say("add water the plants every friday at 5")
    assert "every Friday at 17:00. First: Fri 27 Nov 2026, 17:00" in said
    assert "1. water the plants, every Friday at 17:00" in await talk.say("show my recurring tasks")
    assert "Next: Fri 4 Dec 2026, 17:00" in await talk.say("done with water the plants")
    assert "Next: Fri 11 Dec 2026, 17:00" in await talk.say("skip the next water the plants")
    said = await talk.say("when is the next water the plants")
    assert said.startswith("Every Friday at 17:00: Fri 11 Dec 2026, 17:00 Europe/Berlin; Fri 18 Dec 2026")
    assert "paused" in await talk.say("pause water the plants")
    assert "paused=" not in await talk.say("pause water the plants")
    assert "Next: Fri 11 Dec 2026" in await talk.say("resume water the plants")
    said = await talk.say("delete water the plants")
    assert said.endswith("Say “delete all occurrences of” and its name to end all of them.")
    assert "deleted" in await talk.say("delete all occurrences of water the plants")
    assert await titles(world, kind="recurring") == []
    assert "Fri 25 Dec 2026" in await talk.say("every last friday: send the invoice")


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ("every 2 weeks", "every 2 weeks"),
        ("every other tuesday", "every 2 weeks on Tue. First: Tue 24 Nov 2026; then Tue 8 Dec 2026"),
        ("every weekday at 9:30", "at 09:30"),
        ("every month on the 31st", "31"),
        ("on the last day of every month", "last day"),
        ("every first monday of the month", "first Monday"),
        ("every year on 3 march", "3 Mar"),
        ("every 2 hours", "every 2 hours"),
        ("every 30 minutes", "every 30 minutes"),
        ("every monday and thursday at 9 until 3 march", "until 3 Mar 2027"),
        ("daily at 8 for 10 times", "10 times"),
        ("every 2 days starting friday at 8", "First: Fri 27 Nov 2026, 08:00"),
    ],
)
async def test_the_tools_take_each_rule(talk: Talk, said: str, rule: str) -> None:
    answer = await talk.say(f"add stretch {said}")
    assert '"stretch" is saved' in answer
    assert rule in answer


async def test_a_task_is_changed_in_each_way(world: World, talk: Talk) -> None:
    await talk.say("add dentist on friday at 3 #health")
    assert "Thu 26 Nov 2026, 17:00" in await talk.say("move the dentist to thursday at 5")
    assert "Thu 26 Nov 2026, 18:00" in await talk.say("move it to 6pm")
    assert "Sat 28 Nov 2026, 18:00" in await talk.say("postpone it by 2 days")
    for sentence in ("tag dentist body", "set priority of dentist to high", "add a note to dentist: bring the card"):
        assert "changed" in await talk.say(sentence)
    await talk.say("rename dentist to see the dentist")
    said = await talk.say("show dentist")
    assert said == (
        "see the dentist, due Sat 28 Nov 2026, 18:00 Europe/Berlin, high priority, #health, #body.\nbring the card"
    )
    assert "Found (1):" in await talk.say("show tasks tagged body")
    assert "is changed (due)." in await talk.say("clear the due date of dentist")
    assert "is saved" not in await talk.say("repeat the dentist")
    assert "every 23rd of the month" in await talk.say("every month")
    assert await titles(world) == ["see the dentist"]


async def test_lists_by_time_and_their_pages(world: World, talk: Talk) -> None:
    await talk.say("add old on 2026-11-20")
    await talk.say("add now today")
    await talk.say("add soon on sunday")
    await talk.say("add third on monday")
    assert "overdue" in await talk.say("what's overdue")
    assert await talk.say("what is due today") == "Due (1):\n1. now, due Mon 23 Nov 2026"
    assert (
        await talk.say("what is due this week") == "Due (2):\n1. now, due Mon 23 Nov 2026\n2. soon, due Sun 29 Nov 2026"
    )
    assert await talk.say("what is due tomorrow") == "No tasks there."
    for number in range(20):
        await talk.say(f"add many {number}")
    said = await talk.say("show my tasks")
    assert "4 more; say “more”." in said
    more = await talk.say("more")
    assert "4. " in more
    assert "5. " not in more
    assert await talk.say("more") == "There is no more to show."


async def test_a_refusal_is_told_and_nothing_is_claimed(world: World, talk: Talk) -> None:
    said = await talk.say("add " + "x" * 300)
    assert "That did not work" in said
    assert "saved" not in said
    said = await talk.say("remind me to look back on 2020-01-01")
    assert said.startswith("That did not work: ")
    assert await titles(world) == []


async def test_a_question_left_overnight_keeps_the_day_it_was_asked_on(world: World, talk: Talk) -> None:
    await talk.say("add dentist appointment")
    await talk.say("add dentist bill")
    world.clock.move(hours=13, minutes=30)
    await talk.say("move dentist to tomorrow")
    world.clock.at += timedelta(hours=1)
    assert "due Tue 24 Nov 2026" in await talk.say("1")


async def test_notes_are_replaced_and_a_series_is_changed_as_a_whole(world: World, talk: Talk) -> None:
    await talk.say("add groceries")
    await talk.say("add a note to groceries: oat milk")
    await talk.say("replace the notes of groceries with bread")
    assert (await world.rest.get("/tasks")).json()["tasks"][0]["notes"] == "bread"
    await talk.say("clear the notes of it")
    assert "notes" not in (await world.rest.get("/tasks")).json()["tasks"][0]
    await talk.say("add water the plants every monday at 9")
    said = await talk.say("rename the plants series to feed the cat")
    assert said.startswith('The recurring task "feed the cat" is changed: every Monday at 09:00.')
    await talk.say("change the cat series to every tuesday at 8")
    assert await titles(world) == ["feed the cat", "groceries"]
    [series] = (await world.rest.get("/tasks", params={"kind": "recurring"})).json()["tasks"]
    assert series["recurrence"]["rule"] == "FREQ=WEEKLY;BYDAY=TU;BYHOUR=8"


async def test_a_reminder_of_each_day_rings_each_day_though_nothing_is_ticked(world: World, talk: Talk) -> None:
    """T3: the first one is ahead, although that of today is over, and the next ones do not wait for a tick."""
    said = await talk.say("remind me to take pills daily")
    assert "First: Tue 24 Nov 2026" in said
    for _ in range(3):
        await world.tick(hours=24)
    rung = (await world.rest.get("/notifications")).json()["notifications"]
    assert [each["remind_at"][:10] for each in rung if each["title"] == "take pills"] == [
        "2026-11-26",
        "2026-11-25",
        "2026-11-24",
    ]


async def test_to_stop_repeating_leaves_the_open_one(world: World, talk: Talk) -> None:
    """T23: the open occurrence is still to be done, once."""
    await talk.say("add retro every friday at 15:00")
    await talk.say("stop repeating the retro")
    assert await titles(world) == ["retro"]
    said = await talk.say("done with the retro")
    assert "Next" not in said
    assert await titles(world) == []
    await talk.say("add standup every monday at 10")
    await talk.say("delete all occurrences of standup")
    assert await titles(world) == []


async def test_a_move_to_a_day_keeps_the_time_of_day(world: World, talk: Talk) -> None:
    """T10: only the day was named."""
    await talk.say("add dentist on thursday at 15:30 and remind me 1 hour before")
    for sentence in ("move dentist to friday", "reschedule dentist friday", "change the dentist to friday"):
        assert "due Fri 27 Nov 2026, 15:30" in await talk.say(sentence)
        await talk.say("undo")
        [task] = (await world.rest.get("/tasks")).json()["tasks"]
        assert task["due_local"] == "2026-11-26T15:30"
    assert "17:00" in await talk.say("move dentist to friday at 5")


async def test_the_task_just_added_is_changed_without_its_name(world: World, talk: Talk) -> None:
    await talk.say("add call Ann on friday at 5")
    assert "due Fri 27 Nov 2026, 18:00" in await talk.say("actually make it 6")
    assert "due Fri 27 Nov 2026, 20:00" in await talk.say("make it 8")
    assert "due Sat 28 Nov 2026, 20:00" in await talk.say("no wait, make it saturday")
    assert "19:00" in await talk.say("remind me an hour before")
    assert "“call Ann”, Sat 2026-11-28, 19:00" in await talk.say("what's my next reminder?")
    assert "Undone" in await talk.say("oops, undo that")
    assert await talk.say("what's my next reminder?") == "No reminder is waiting."


async def test_news_completes_one_task_that_surely_is_meant(world: World, talk: Talk) -> None:
    """T20: one word of a title is not enough for a weak verb or a list."""
    for title in ("pay the rent", "call the plumber about the sink", "milk, eggs and bread", "clean the oven"):
        await talk.say(f"add {title}")
    assert '"pay the rent" is completed' in await talk.say("I paid the rent")
    assert '"call the plumber about the sink" is completed' in await talk.say("I've just called the plumber")
    for sentence in ("done with milk", "I cleaned the bread", "check the oven"):
        assert "Do you mean" in await talk.say(sentence)
        assert "nothing was changed" in (await talk.say("no")).lower()
    assert "Do you mean “milk, eggs and bread”?" in await talk.say("done with milk")
    assert '"milk, eggs and bread" is completed' in await talk.say("yes")
    assert "Shall I delete “clean the oven”?" in await talk.say("the oven got cancelled")
    assert '"clean the oven" is deleted' in await talk.say("yes")
    assert await titles(world) == []


async def test_many_tasks_are_changed_by_a_plan_and_a_yes(world: World, talk: Talk) -> None:
    await talk.say("add one tomorrow at 9")
    await talk.say("add two tomorrow")
    said = await talk.say("postpone everything due tomorrow to monday")
    assert "This would change:" in said
    assert "one" in said
    assert said.endswith("Say “yes”; nothing was changed so far.")
    assert [name for name, _ in talk.calls] == ["plan_changes"]
    await talk.say("yes")
    assert [name for name, _ in talk.calls] == ["apply_plan"]
    tasks = (await world.rest.get("/tasks")).json()["tasks"]
    assert [task["due_local"] for task in tasks] == ["2026-11-30T09:00", "2026-11-30"]
    await talk.say("undo")
    await talk.say("mark everything due tomorrow as done")
    await talk.say("no")
    assert await titles(world) == ["one", "two"]
    await talk.say("mark everything due tomorrow as done")
    await talk.say("yes")
    assert await titles(world) == []
    assert "nothing to plan" in await talk.say("mark everything due tomorrow as done")


async def test_both_are_meant_and_agreed_to(world: World, talk: Talk) -> None:
    await talk.say("add dentist appointment")
    await talk.say("add dentist bill")
    assert "Which one" in await talk.say("delete dentist")
    assert "This would change:" in await talk.say("both")
    assert await titles(world) == ["dentist appointment", "dentist bill"]
    await talk.say("yes")
    assert await titles(world) == []


async def test_a_series_is_changed_and_paused_in_everyday_words(world: World, talk: Talk) -> None:
    await talk.say("add gym every monday at 18:00")
    said = await talk.say("change gym to tuesdays and thursdays")
    assert "every week on Tue and Thu at 18:00" in said
    await talk.say("add water the plants every monday")
    assert "2027" in await talk.say("pause watering the plants until january")


async def test_the_start_of_a_range_is_kept_and_that_is_said(talk: Talk) -> None:
    said = await talk.say("add meeting tomorrow from 3 to 4")
    assert "due Tue 24 Nov 2026, 15:00" in said
    assert said.endswith("Only the start is kept: a task has no end.")


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("add gym every tuesday from january", "First: Tue 5 Jan 2027"),
        ("add choir mondays from jan 1 to march 29th", "until 29 Mar 2027. First: Mon 4 Jan 2027"),
        ("add flowers every year on the second sunday in may", "every year on the second Sunday of May"),
        (
            "add board first and third friday of each month at 9",
            "on the first Friday and the third Friday of each month",
        ),
        ("add pills every 8 hours for 5 days", "every 8 hours, 15 times"),
        ("remind me on weekends at 11 to call Ann", "First: Sat 28 Nov 2026, 11:00"),
        ("add tax every half year", "every 6 months"),
        ("add talk at 5pm for 2 hours", "Only the start is kept"),
        ("add gifts three days before christmas", "due Tue 22 Dec 2026"),
    ],
)
async def test_what_the_grammar_reads_is_taken_by_the_product(
    world: World, talk: Talk, sentence: str, expected: str
) -> None:
    assert expected in await talk.say(sentence)
