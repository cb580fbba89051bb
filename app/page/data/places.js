// The views of the tasks: which tasks a view shows, in which sections, and how many there are.
import { addDays, localDue, toLocal } from "../text/when.js";
import { state } from "./state.js";

/** The views that are always there: name in the address, words, key. */
export const VIEWS = [
  ["all", "Tasks"],
  ["today", "Today"],
  ["week", "Week"],
  ["done", "Done"],
];
const dates = new WeakMap();

/** Return the view that the address names: `{name, list?, from?}`; a week has its first day, today where it names none. */
export function readPlace() {
  const [name, value] = location.hash.slice(1).split("=");
  if (name === "list" && value) return { name, list: decodeURIComponent(value) };
  if (name === "week") return { name, from: isDate(value) ? value : state.today };
  if (name === "inbox" || VIEWS.some(([known]) => known === name)) return { name };
  return { name: "all" };
}

function isDate(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text ?? "") && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));
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
  const parents = readParents();
  for (const task of state.openTasks()) {
    if (!isOf(task, place, parents)) continue;
    const name = nameSection(task, moment);
    if (!shown || shown.has(name)) lists[name].push(task);
  }
  for (const [name, list] of Object.entries(lists)) if (name !== "No date") list.sort(byDue);
  return Object.entries(lists).filter(([, list]) => list.length);
}

function isOf(task, place, parents) {
  if (place.name === "list" && task.list?.id !== place.list) return false;
  if (place.name === "inbox" && task.list) return false;
  // A subtask is seen in the task above it while that is open, and where its own day is.
  return place.name === "today" || !task.parent || Boolean(task.due) || !parents.has(task.parent.id);
}

/** Return the tasks in which their subtasks are seen; while not all are loaded, each is taken to be among them. */
function readParents() {
  return state.unseen ? { has: () => true } : new Set(state.tasks.map((task) => task.id));
}

/**
 * Return a week from a date on: `{days: [{date, tasks}], overdue}`. What is overdue stands apart in the week of today, and
 * on its day in others; `done` are completed tasks, which stand below the others on the day on which they were done.
 */
export function weekOf(from, done = []) {
  const moment = readMoment();
  const days = Array.from({ length: 7 }, (_, ahead) => ({ date: addDays(from, ahead), tasks: [] }));
  const found = new Map(days.map((day) => [day.date, day]));
  const overdue = [];
  for (const task of state.openTasks()) {
    const date = readDay(task, moment);
    if (!date) continue;
    const isApart = found.has(moment.today) && nameSection({ ...task, start: null }, moment) === "Overdue";
    (isApart ? overdue : found.get(date)?.tasks)?.push(task);
  }
  for (const day of days) day.tasks.sort(byDue);
  for (const task of done) found.get(toLocal(task.completed_at, state.me.zone).slice(0, 10))?.tasks.push(task);
  return { days, overdue: overdue.sort(byDue) };
}

/** Return how many open tasks each view has, and each list in `lists`, by its id. */
export function countPlaces() {
  const moment = readMoment();
  const { today } = moment;
  const last = addDays(today, 6);
  const counts = { all: 0, today: 0, week: 0, inbox: 0, lists: new Map() };
  const parents = readParents();
  for (const task of state.openTasks()) {
    if (task.status !== "open") continue;
    if (isOf(task, { name: "all" }, parents)) {
      counts.all += 1;
      if (task.list) counts.lists.set(task.list.id, (counts.lists.get(task.list.id) ?? 0) + 1);
      else counts.inbox += 1;
    }
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
