// The parts of a task's detail: its due, its reminders, its tags, priority and list.
import { edit, remind, snooze, unremind } from "../data/actions.js";
import { listLists } from "../data/places.js";
import { make, makeButton, quote } from "../text/elements.js";
import { state } from "../data/state.js";
import { addDays, nextMonday, sayHeading, sayLead, sayShort, toLocal } from "../text/when.js";
import { drawLeads, isAhead, readTags, writeTags } from "../list/task-menu.js";
import { makeDueField, makeRemindField, makeWordField } from "./word-field.js";

/** Return one part under its name. */
export function part(name, ...children) {
  return make("section", { class: "field", "aria-label": name }, make("h3", {}, name), make("div", {}, ...children));
}

/** Return a task as it is now: what is done to it builds on that, not on what a button was drawn for. */
export function now(task) {
  return state.find(task.id) ?? task;
}

const chooser = (text, deed, note) => makeButton(text, deed, { class: "quiet", title: note });

/** Return the part of the due. */
export function drawDue(task) {
  const { today } = state;
  const time = task.due_local?.slice(11, 16) ?? "";
  const move = (date) => () => edit(now(task), { due: time ? `${date}T${time}` : date });
  const local = task.due_local ?? task.due;
  return part(
    "Due",
    makeDueField(local, (fields) => edit(now(task), fields)),
    make(
      "div",
      { class: "choices" },
      chooser("Today", move(today), sayHeading(today)),
      chooser("Tomorrow", move(addDays(today, 1)), sayHeading(addDays(today, 1))),
      chooser("Next week", move(nextMonday(today)), sayHeading(nextMonday(today))),
      task.due && chooser("No date", () => edit(now(task), { due: null })),
    ),
    task.due_text && make("p", { class: "whisper" }, task.due_text),
  );
}

/** Return the part of the start: before it, the task waits under "Not yet". */
export function drawStart(task) {
  return part(
    "Not before",
    makeWordField({
      label: "Not before",
      value: task.start ? sayShort(task.start_local ?? task.start, state.today) : "",
      placeholder: "monday",
      write: (words) => `"x" ${words}`,
      take: (reading) => (reading.due && reading.title === "x" ? { start: reading.due } : null),
      save: (fields) => edit(now(task), fields),
      empty: { start: null },
    }),
  );
}

/** Return the part of the reminders. */
export function drawReminders(task) {
  const { zone } = state.me;
  const rows = (task.reminders ?? [])
    .filter((each) => each.status !== "cancelled")
    .map((each) => {
      const rang = each.status === "fired";
      const at = sayShort(toLocal(each.remind_at, zone), state.today);
      const lead = each.before ? `, ${sayLead(each.before)}` : "";
      const said = `${rang ? "rang " : ""}${at}${lead}`;
      const later = (text, choice) =>
        makeButton(text, () => snooze(now(task), each.id, choice), {
          class: "quiet",
          "aria-label": `Let the reminder ring later, ${text}`,
        });
      return make(
        "li",
        {},
        make("span", {}, said),
        later("+10 min", { duration: "10m" }),
        later("+1 h", { duration: "1h" }),
        !rang &&
          makeButton("×", () => unremind(now(task), each.id), { class: "quiet", "aria-label": `Cancel the reminder ${said}` }),
      );
    });
  const before = (text, span) => chooser(text, () => remind(now(task), { before: span }));
  return part(
    "Reminders",
    rows.length ? make("ul", { class: "plain" }, ...rows) : null,
    makeRemindField(isAhead(task), (reminder) => remind(now(task), reminder)),
    task.due && drawLeads(task, before),
  );
}

/** Return the part of tags, priority and list. */
export function drawMarks(task) {
  const tags = make("input", {
    "aria-label": "Tags",
    value: writeTags(task.tags ?? []),
    placeholder: "home, phone",
    dir: "auto",
  });
  const save = () => {
    const words = readTags(tags.value, task.tags ?? []);
    if (tags.value !== tags.defaultValue && words.join("\n") !== (task.tags ?? []).join("\n")) edit(now(task), { tags: words });
  };
  tags.addEventListener("change", save);
  const levels = ["none", "low", "medium", "high"];
  const priority = make(
    "select",
    { "aria-label": "Priority" },
    ...levels.map((name) => make("option", { value: name, selected: name === task.priority }, name)),
  );
  priority.addEventListener("change", () => edit(now(task), { priority: priority.value }));
  const rows = [
    make("label", {}, "Tags", tags),
    make("label", {}, "Priority", priority),
    drawList(task),
  ];
  return make("section", { class: "field marks", "aria-label": "Marks" }, ...rows);
}

function drawList(task) {
  const names = listLists().map((each) => each.name);
  const list = make(
    "select",
    { "aria-label": "List" },
    make("option", { value: "" }, "Inbox"),
    ...names.map((name) => make("option", { value: name, selected: name === task.list?.name }, quote(name))),
  );
  list.addEventListener("change", () => edit(now(task), { list: list.value || null }));
  return make("label", {}, "List", list);
}
