// The page's state: the service's answers, overlaid with the person's actions that are not answered yet.
import { addDays, countDays, toLocal } from "../text/when.js";

const BACK_AGAIN = 1_500;
const SAID_FOR = 20_000;
/** What a task looks like that the service does not know yet. */
const UNSENT = { status: "open", tags: [], priority: "none", reminders: [], waiting: true, unsent: true };

class State extends EventTarget {
  me = { zone: "UTC", day_start: "09:00" };
  tasks = [];
  unseen = 0;
  series = [];
  done = [];
  found = null;
  /** How many tasks a search has in all: `{total, minimum}`, and whether there are more to load. */
  hits = { total: 0, minimum: false, more: false };
  changes = [];
  notifications = [];
  questions = [];
  models = null;
  loaded = false;
  connected = true;
  /** Tasks that wait for the service: `[{key, fields}]`. */
  waiting = [];
  /** When the list was loaded that is shown without a service, as an instant; null while it is the present one. */
  knownAt = null;
  /** Whether the service wants somebody to sign in first. */
  signedOut = false;
  /** How often the network was lost. */
  losses = 0;
  said = null;
  reverted = new Set();
  #wishes = new Map();
  #made = new Set();
  #ahead = 0;
  #waiting = false;

  /** Tell every part of the page, once, however much has changed until then. */
  show() {
    if (this.#waiting) return;
    this.#waiting = true;
    queueMicrotask(() => {
      this.#waiting = false;
      this.dispatchEvent(new Event("change"));
    });
  }

  /** Return what is worth keeping for a time without a service. */
  remember() {
    this.knownAt = null;
    const { me, tasks, series, done } = this;
    return { me, tasks, series, done, at: this.now.toISOString() };
  }

  /** Show what was remembered. */
  recall({ me, tasks, series, done, at }) {
    Object.assign(this, { me, tasks, series, done, knownAt: at, loaded: true });
    this.show();
  }

  /** Let the service's clock count, not this machine's. */
  setClock(instant) {
    this.#ahead = Date.parse(instant) - Date.now();
  }

  get now() {
    return new Date(Date.now() + this.#ahead);
  }

  get today() {
    return toLocal(this.now, this.me.zone).slice(0, 10);
  }

  /** Say one sentence at the foot; the next change takes its place (of a refusal: the person's own), or a while. */
  say(text, bad = false) {
    const said = { text, bad };
    this.said = said;
    setTimeout(() => {
      if (this.said !== said) return;
      this.said = null;
      this.show();
    }, SAID_FOR);
    this.show();
  }

  /** Remember a change that this page made; clears the message at the foot. */
  accept(changeId) {
    this.#made.add(changeId);
    this.said = null;
  }

  /** Take the newest changes. A refusal outlives those of others: the one that caused it may come only now. */
  learn(changes) {
    const [newest] = changes;
    const news = newest && newest.change_id !== this.changes[0]?.change_id && !this.#made.has(newest.change_id);
    if (news && !this.said?.bad) this.said = null;
    this.changes = changes;
  }

  /** Show a task as intended until the service has answered; returns the function that ends this, a refusal visibly. */
  wish(taskId, patch) {
    const wish = { taskId, patch };
    this.#wishes.set(wish, wish);
    this.show();
    return (refused) => {
      this.#wishes.delete(wish);
      if (refused) {
        this.reverted.add(taskId);
        setTimeout(() => this.reverted.delete(taskId), BACK_AGAIN);
      }
      this.show();
    };
  }

  /** Replace a known task by the service's answer. */
  replace(task) {
    const swap = (list) => list?.map((each) => (each.id === task.id ? { ...each, ...task, due: task.due } : each));
    const open = task.status === "open";
    if (task.kind === "recurring") this.series = swap(this.series);
    else {
      const known = this.tasks.some((each) => each.id === task.id);
      this.tasks = known || !open ? swap(this.tasks).filter((each) => each.status === "open") : [...this.tasks, task];
      this.done = this.done.filter((each) => each.id !== task.id);
      if (!open) this.done = [task, ...this.done];
    }
    this.found = swap(this.found ?? undefined) ?? null;
    this.show();
  }

  /** Return a list as it is to be seen, with every wish that waits. */
  view(list) {
    const wishes = [...this.#wishes.values()];
    return list
      .map((task) => {
        const mine = wishes.filter((wish) => wish.taskId === task.id);
        return mine.length ? Object.assign({}, task, ...mine.map((wish) => wish.patch), { waiting: true }) : task;
      })
      .filter((task) => !task.gone);
  }

  find(taskId) {
    const all = [...this.tasks, ...this.done, ...(this.found ?? []), ...this.series];
    return this.view(all.filter((task) => task.id === taskId))[0];
  }

  /** Return the sections of the sheet: `[[name, tasks]]`, in order, empty ones left out. */
  sections() {
    const today = this.today;
    const now = this.now.getTime();
    const lists = { Overdue: [], Today: [], Next: [], Later: [], "No date": [] };
    const waiting = this.waiting.map(({ key, fields }) => ({ ...fields, ...UNSENT, id: key }));
    const seen = this.view([...this.tasks, ...this.done.filter((each) => this.isWished(each.id))]);
    for (const task of [...seen, ...waiting]) {
      if (task.status === "open" || task.waiting) lists[nameSection(task, today, now)].push(task);
    }
    for (const [name, list] of Object.entries(lists)) if (name !== "No date") list.sort(byDue);
    return Object.entries(lists).filter(([, list]) => list.length);
  }

  isWished(taskId) {
    return [...this.#wishes.values()].some((wish) => wish.taskId === taskId);
  }

  /** Return the change that `z` undoes; undefined if there is none. */
  get undoable() {
    return this.changes.find(
      (change) => change.kind !== "undo" && !change.undone_by && change.actor.kind !== "scheduler",
    );
  }

  /** Return the undo that can be turned round, if that was the last thing done. */
  get redoable() {
    const [last] = this.changes.filter((change) => change.kind !== "make_instances");
    return last?.kind === "undo" && !last.undone_by ? last : undefined;
  }
}

function nameSection(task, today, now) {
  if (!task.due) return "No date";
  const date = (task.due_local ?? task.due).slice(0, 10);
  const ahead = countDays(today, date);
  if (task.due.length === 10 ? ahead < 0 : Date.parse(task.due) < now) return "Overdue";
  if (ahead <= 0) return "Today";
  return date <= addDays(today, 7) ? "Next" : "Later";
}

function byDue(one, other) {
  // A date without a time is for the whole day, and stands below its times.
  const [left, right] = [one, other].map((task) => `${task.due_local ?? task.due}`.padEnd(16, "~"));
  return left < right ? -1 : Number(left > right);
}

export const state = new State();
