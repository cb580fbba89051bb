// The one small menu of a row: open, rename, choose, move, remind, snooze, repeat, tags and priority, delete.
import { edit, editSeries, remind, remove, repeat, snooze, unremind } from "../data/actions.js";
import { arrange, drawSign, make, makeButton, quote } from "../text/elements.js";
import { makeDueField, makeRemindField } from "../detail/word-field.js";
import { openTask } from "../data/opening.js";
import { choose } from "./chosen-bar.js";
import { makeFloating, openBeside } from "./floating.js";
import { call } from "../data/service.js";
import { state } from "../data/state.js";
import { addDays, goBack, nextMonday, sayHeading, sayShort, toLocal } from "../text/when.js";

const RULES = {
  "every day": "FREQ=DAILY",
  "every weekday": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
  "every week": "FREQ=WEEKLY",
  "every month": "FREQ=MONTHLY",
  "every year": "FREQ=YEARLY",
};
const OWN = "a rule of your own";
const LATER = { "10 min": { duration: "10m" }, "1 h": { duration: "1h" } };
let menu = null;
let opener = null;
let groups = new Map();

/** Open the menu of a task beside the button that asked for it; the same button again closes it. */
export function openMenu(task, button) {
  menu ??= build();
  const same = opener === button && menu.matches(":popover-open");
  close(false);
  if (same) return;
  opener = button;
  menu.dataset.id = task.id;
  groups = new Map();
  draw();
  openBeside(menu, button);
  menu.querySelector("button").focus();
}

function build() {
  const made = makeFloating("Change the task", () => close(false));
  state.addEventListener("change", () => made.matches(":popover-open") && draw());
  return made;
}

function close(back = true) {
  if (!menu?.matches(":popover-open")) return;
  menu.hidePopover();
  if (back) (findRow(menu.dataset.id)?.querySelector(".more") ?? opener)?.focus();
}

function findRow(taskId) {
  return document.querySelector(`task-row[data-id="${CSS.escape(taskId)}"]`);
}

function draw() {
  const task = state.find(menu.dataset.id);
  if (!task) {
    const written = [...menu.querySelectorAll("input[dir]")].filter((field) => field.value !== field.defaultValue);
    close();
    if (written.length) state.say(`This task is gone. You wrote: “${written.map((field) => field.value).join(" ")}”.`, true);
    return;
  }
  const series = state.series.find((each) => each.id === task.recurring_id);
  const kept = [...menu.querySelectorAll("button")].indexOf(document.activeElement);
  const focused = document.activeElement;
  arrange(
    menu,
    [
      keep("of", [task.title], () => make("p", { class: "of" }, quote(task.title))),
      keep("first", [task.id], () => drawFirst(task)),
      keep("moves", [task.due, state.today], () => drawMoves(task)),
      keep("reminders", [task.reminders, task.due], () => drawReminders(task)),
      task.recurring_id
        ? keep("series", [series?.recurrence], () => drawSeries(task))
        : keep("repeat", [task.recurring_id], () => drawRepeat(task)),
      keep("marks", [task.tags, task.priority], () => drawMarks(task)),
      keep("ends", [task.id], () => drawEnds(task)),
    ].filter(Boolean),
  );
  if (kept >= 0 && !focused.isConnected) (menu.querySelectorAll("button")[kept] ?? menu.querySelector("button")).focus();
}

/** Return a group of the menu: the same one while what it shows is the same, or while somebody has written in it. */
function keep(name, shown, build) {
  const looks = JSON.stringify(shown);
  const known = groups.get(name);
  if (known && (known.looks === looks || isTouched(known.element))) return known.element;
  const element = build();
  groups.set(name, { looks, element });
  return element;
}

function isTouched(element) {
  const fields = [...(element?.querySelectorAll("input, select") ?? [])];
  return fields.some((field) => {
    if (field.tagName === "INPUT") return field.value !== field.defaultValue;
    return [...field.options].some((option, index) => option.selected !== (option.defaultSelected || (!index && !field.querySelector("[selected]"))));
  });
}

/** Return the task as it is now, if others have not changed these fields; else as it was, so that they are asked. */
function findBase(task, names) {
  const now = state.find(task.id);
  const isSame = now && names.every((name) => JSON.stringify(now[name]) === JSON.stringify(task[name]));
  return isSame ? now : task;
}

function drawFirst(task) {
  const later = (deed) => () => {
    close();
    deed();
  };
  return make(
    "div",
    { class: "choices" },
    makeButton("Open", later(() => openTask(task.id))),
    makeButton("Rename", later(() => findRow(task.id)?.edit()), { title: "Or two clicks on its title (e)" }),
    makeButton("Choose", later(() => choose(task.id)), { title: "To change it together with others (x)" }),
  );
}

function drawEnds(task) {
  return make("div", { class: "choices" }, makeButton("Delete", () => act(remove(task)), { class: "danger" }));
}

function act(deed) {
  close();
  return deed;
}

function group(name, ...children) {
  return make("fieldset", {}, make("legend", {}, name), ...children);
}

function drawMoves(task) {
  const { today } = state;
  const time = task.due_local?.slice(11, 16) ?? "";
  const move = (date) => act(edit(task, { due: time ? `${date}T${time}` : date }));
  const to = (text, date) => makeButton(text, () => move(date), { title: sayHeading(date) });
  return group(
    "Move to",
    make(
      "div",
      { class: "choices" },
      to("Today", today),
      to("Tomorrow", addDays(today, 1)),
      to("Next week", nextMonday(today)),
      task.due && makeButton("No date", () => act(edit(task, { due: null }))),
    ),
    make("div", { class: "line" }, makeDueField(task.due_local ?? task.due, (fields) => act(edit(task, fields)), "Move"), makePicker(task.due_local?.slice(0, 10) ?? today, move)),
  );
}

/** Return the button that shows the browser's own calendar; nothing is typed there, so that no half of a date is taken. */
function makePicker(value, pick) {
  const day = make("input", { type: "date", "aria-label": "Date", tabindex: "-1", value });
  day.addEventListener("change", () => day.value && pick(day.value));
  const show = makeButton(drawSign("day"), () => day.showPicker(), { class: "quiet", "aria-label": "Pick a day", title: "Pick a day" });
  return make("span", { class: "picker" }, show, day);
}

function drawReminders(task) {
  const { zone } = state.me;
  const armed = (task.reminders ?? [])
    .filter((each) => each.status !== "cancelled")
    .map((each) => {
      const rang = each.status === "fired";
      const said = `${rang ? "rang " : ""}${sayShort(toLocal(each.remind_at, zone), state.today)}`;
      const later = Object.entries({ ...LATER, tomorrow: { until: addDays(state.today, 1) } }).map(([text, choice]) =>
        makeButton(text, () => act(snooze(task, each.id, choice)), { "aria-label": `Snooze the reminder, ${text}` }),
      );
      const stop = rang
        ? null
        : makeButton("×", () => act(unremind(task, each.id)), { "aria-label": `Cancel the reminder ${said}` });
      return make("div", { class: "choices" }, make("span", { class: "fact" }, drawSign("bell"), said), ...later, stop);
    });
  const before = (text, span) => makeButton(text, () => act(remind(task, { before: span })));
  return group(
    "Remind",
    ...armed,
    task.due && drawLeads(task, before),
    makeRemindField(isAhead(task), (reminder) => act(remind(task, reminder))),
  );
}

function drawRepeat(task) {
  const preview = make("p", { class: "preview", role: "status" });
  const own = make("input", {
    hidden: true,
    "aria-label": "Rule, in words",
    placeholder: "every last friday",
    spellcheck: "false",
    maxlength: 400,
  });
  const pick = make(
    "select",
    { "aria-label": "Repeat" },
    ...["never", ...Object.keys(RULES), OWN].map((name) => make("option", {}, name)),
  );
  const save = make("button", { type: "submit", disabled: true }, "Repeat");
  let turn = 0;
  let chosen = null;
  const look = async () => {
    const mine = ++turn;
    own.hidden = pick.value !== OWN;
    const words = own.value.trim();
    save.disabled = true;
    preview.textContent = "";
    if (pick.value === "never" || (pick.value === OWN && !words)) return;
    try {
      const read = RULES[pick.value] ? { rule: RULES[pick.value] } : await readRule(words);
      const first = task.due_local ? { first_due: task.due_local } : read.more;
      const body = { rule: read.rule, count: 3, ...first };
      const answer = mine === turn && (await call("POST", "/api/recurring-tasks/preview", { body }));
      if (mine !== turn) return;
      chosen = { rule: read.rule, more: task.due ? {} : read.more };
      const dates = answer.occurrences.map((each) => sayShort(each.due_local, state.today));
      preview.textContent = `${answer.rule_text}: ${dates.join(", ")} …`;
      save.disabled = false;
    } catch (problem) {
      if (mine === turn) preview.textContent = problem.message;
    }
  };
  pick.addEventListener("change", look);
  own.addEventListener("input", look);
  const submit = (event) => {
    event.preventDefault();
    act(repeat(task, chosen.rule, chosen.more));
  };
  return group("Repeat", make("form", { class: "line", submit }, pick, own, save), preview);
}

/** Return `{rule, more}` of a rule in the words that the conversation reads, or as programs write it; throws a sentence. */
async function readRule(words) {
  if (/^(RRULE:)?[A-Z]+=/i.test(words)) return { rule: words };
  const reading = await call("POST", "/api/read", { body: { text: `"x" ${words}` } });
  if (reading.rule && reading.title === "x") {
    return { rule: reading.rule, more: reading.first_due ? { first_due: reading.first_due } : {} };
  }
  const reason = reading.spans.find((span) => span.reason)?.reason.replace(/:? [Ii]t stays in the title\./, ".");
  throw new Error(reason ?? "That is not understood. Write it as “every other tuesday at 9”.");
}

function drawSeries(task) {
  const series = state.series.find((each) => each.id === task.recurring_id);
  if (!series) return null;
  const { paused, rule_text: rule } = series.recurrence;
  const on = (text, fields) => makeButton(text, () => act(editSeries(series, fields)));
  return group(
    "Repeats",
    make("p", { class: "preview" }, rule),
    make(
      "div",
      { class: "choices" },
      on("Skip this one", { skip: "1" }),
      on(paused ? "Go on" : "Pause", { paused: !paused }),
      makeButton("End all", () => act(remove(series))),
    ),
  );
}

function drawMarks(task) {
  const tags = make("input", {
    "aria-label": "Tags, with commas between",
    value: writeTags(task.tags ?? []),
    placeholder: "tags",
    dir: "auto",
  });
  const levels = ["none", "low", "medium", "high"];
  const priority = make(
    "select",
    { "aria-label": "Priority" },
    ...levels.map((name) =>
      make(
        "option",
        { value: name, selected: name === task.priority },
        name === "none" ? "no priority" : `${name} priority`,
      ),
    ),
  );
  const submit = (event) => {
    event.preventDefault();
    const fields = {};
    const words = readTags(tags.value, task.tags ?? []);
    if (tags.value !== tags.defaultValue && words.join("\n") !== (task.tags ?? []).join("\n")) fields.tags = words;
    if (priority.value !== task.priority) fields.priority = priority.value;
    if (Object.keys(fields).length) act(edit(findBase(task, Object.keys(fields)), fields));
    else close();
  };
  return group(
    "Marks",
    make("form", { class: "line", submit }, tags, priority, make("button", { type: "submit" }, "Save")),
  );
}

/** Return tags as a line. */
export function writeTags(tags) {
  return tags.join(tags.some((tag) => /\s/.test(tag)) ? ", " : " ");
}

const LEADS = { "At due": "0m", "30 min before": "30m", "A day before": "1d" };

function readNow() {
  return toLocal(state.now, state.me.zone);
}

/** Return whether a reminder so long before a due could only be refused; `due` is local, a date or a time. */
export function isOver(due, lead) {
  const at = due.length > 10 ? due.slice(0, 16) : `${due}T${state.me.day_start}`;
  return goBack(at, lead) <= readNow();
}

/** Return whether a reminder some time before the due of a task is still to come. */
export function isAhead(task) {
  return Boolean(task.due) && !isOver(task.due_local ?? task.due, LEADS["30 min before"]);
}

/** Return the buttons for reminders ahead of a due, those whose time is over switched off; `before(text, span)` makes one. */
export function drawLeads(task, before) {
  const due = task.due_local ?? task.due;
  const over = Object.values(LEADS).every((span) => isOver(due, span));
  const buttons = Object.entries(LEADS).map(([text, span]) => {
    const button = before(text, span);
    if (!isOver(due, span)) return button;
    button.disabled = true;
    button.title = "That time is over";
    button.setAttribute("aria-label", `${text}, that time is over`);
    return button;
  });
  return make("div", { class: "choices" }, ...buttons, over && make("span", { class: "fact" }, "That time is over."));
}

/** Return the tags of a line: between commas; without a comma between blanks, but a tag of the task stays whole. */
export function readTags(line, known) {
  const clean = (words) => words.map((word) => word.trim().replace(/^#/, "")).filter(Boolean);
  if (line.includes(",")) return clean(line.split(","));
  const whole = known.filter((tag) => /\s/.test(tag) && ` ${line} `.includes(` ${tag} `));
  const rest = whole.reduce((left, tag) => left.replace(` ${tag} `, " "), ` ${line} `);
  return [...whole, ...clean(rest.split(/\s+/))];
}
