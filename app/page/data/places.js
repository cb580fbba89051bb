// The views of the tasks: which tasks a view shows, in which sections, and how many there are.
import { addDays, localDue } from "../text/when.js";
import { state } from "./state.js";

/** The views that are always there: name in the address, words, key. */
export const VIEWS = [
  ["all", "Tasks"],
  ["today", "Today"],
  ["week", "Week"],
  ["done", "Done"],
];
const dates = new WeakMap();

/** Return the view that the address names: `{name, list?}`. */
export function readPlace() {
  const [name, value] = location.hash.slice(1).split("=");
  if (name === "list" && value) return { name, list: decodeURIComponent(value) };
  if (name === "inbox" || VIEWS.some(([known]) => known === name)) return { name };
  return { name: "all" };
}

/** Return what a view is called. */
export function namePlace(place) {
  if (place.name === "inbox") return "Inbox";
  if (place.name === "list") return listLists().find((each) => each.id === place.list)?.name ?? "List";
  return VIEWS.find(([name]) => name === place.name)[1];
}

/** Return the lists in their order, `[{id, name, open}]`; those that were made a moment ago come last. */
export function listLists() {
  const found = new Map(state.lists.map((each) => [each.id, each]));
  for (const { list } of state.tasks) if (list && !found.has(list.id)) found.set(list.id, { ...list, open: 1 });
  return [...found.values()];
}

/** Return the section of an open task: Overdue, Today, Next, Later, No date, or Not yet. */
export function nameSection(task, { today, now, week }) {
  if (isAhead(task, today, now)) return "Not yet";
  // What could not be done before its start, and can be now, is for today until it is done.
  if (!task.due) return task.start ? "Today" : "No date";
  const date = dateOf(task);
  // Both forms are of fixed width, so that their order is that of time; a date alone lasts to its end.
  if (task.due.length === 10 ? date < today : task.due < now) return "Overdue";
  if (date <= today) return "Today";
  return date <= week ? "Next" : "Later";
}

/** Return whether a task is overdue. */
export function isLate(task) {
  return task.status === "open" && Boolean(task.due) && nameSection({ ...task, start: null }, readMoment()) === "Overdue";
}

/** Return the moment that tasks are sorted by, worked out once for all of them. */
function readMoment() {
  const { today } = state;
  return { today, now: state.now.toISOString(), week: addDays(today, 7) };
}

/** Return whether a task has not begun yet. */
export function isWaiting(task) {
  const { today, now } = readMoment();
  return isAhead(task, today, now);
}

function isAhead({ start }, today, now) {
  if (!start) return false;
  return start.length === 10 ? start > today : start > now;
}

/** Return the field that puts a task on a day: its due, and its start where it has no due. */
export function nameDayField(task) {
  return task.start && !task.due ? "start" : "due";
}

/** Return a task's place in time, as local text: its due, else its start; "" if it has neither. */
export function readPlaceInTime(task) {
  if (nameDayField(task) === "start") return task.start_local ?? localDue(task.start, state.me.zone);
  return task.due_local ?? task.due ?? "";
}

/** Return the day on which a task stands, "" for none: what has begun and has no due stands under today. */
export function readDay(task, { today, now } = readMoment()) {
  const date = readPlaceInTime(task).slice(0, 10);
  return !task.due && date && !isAhead(task, today, now) ? today : date;
}

export function dateOf(task) {
  return (task.due_local ?? task.due ?? "").slice(0, 10);
}

/** Return the tasks of a view in sections, `[[name, tasks]]`, in order; empty sections are left out. */
export function sectionsOf(place) {
  const names = ["Overdue", "Today", "Next", "Later", "No date", "Not yet"];
  const lists = Object.fromEntries(names.map((name) => [name, []]));
  const moment = readMoment();
  const shown = place.name === "today" ? new Set(["Overdue", "Today", "Not yet"]) : null;
  for (const task of state.openTasks()) {
    if (!isOf(task, place)) continue;
    const name = nameSection(task, moment);
    if (!shown || shown.has(name)) lists[name].push(task);
  }
  for (const [name, list] of Object.entries(lists)) if (name !== "No date") list.sort(byDue);
  return Object.entries(lists).filter(([, list]) => list.length);
}

function isOf(task, place) {
  if (place.name === "list") return task.list?.id === place.list;
  if (place.name === "inbox") return !task.list;
  // A subtask is seen in its parent, and where its own day is.
  return place.name !== "all" || !task.parent || Boolean(task.due);
}

/** Return the week that begins today: `[{date, tasks}]`, and what is overdue. */
export function weekOf() {
  const moment = readMoment();
  const { today } = moment;
  const days = Array.from({ length: 7 }, (_, ahead) => ({ date: addDays(today, ahead), tasks: [] }));
  const overdue = [];
  for (const task of state.openTasks()) {
    const date = readDay(task, moment);
    if (!date) continue;
    if (nameSection({ ...task, start: null }, moment) === "Overdue") overdue.push(task);
    else days.find((day) => day.date === date)?.tasks.push(task);
  }
  for (const day of days) day.tasks.sort(byDue);
  return { days, overdue: overdue.sort(byDue) };
}

/** Return how many open tasks each view has. */
export function countPlaces() {
  const moment = readMoment();
  const { today } = moment;
  const last = addDays(today, 6);
  const counts = { all: 0, today: 0, week: 0, inbox: 0 };
  for (const task of state.openTasks()) {
    if (task.status !== "open") continue;
    if (isOf(task, { name: "all" })) counts.all += 1;
    if (!task.list) counts.inbox += 1;
    const name = nameSection(task, moment);
    if (name === "Overdue" || name === "Today") counts.today += 1;
    const day = readDay(task, moment);
    if (name !== "Overdue" && day && day <= last) counts.week += 1;
  }
  return counts;
}

function byDue(one, other) {
  const [left, right] = [keyOf(one), keyOf(other)];
  return left < right ? -1 : Number(left > right);
}

/** Return what a task is ordered by: a date without a time is for the whole day, and stands below its times. */
function keyOf(task) {
  if (!dates.has(task)) dates.set(task, `${task.due_local ?? task.due ?? task.start ?? ""}`.padEnd(16, "~"));
  return dates.get(task);
}
