// The page's state: the service's answers, overlaid with the person's actions that are not answered yet.
import { toLocal } from "../text/when.js";

const BACK_AGAIN = 1_500;
const SAID_FOR = 20_000;
const LINGERS = 800;
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
  /** Questions that were agreed to, of which nothing has come yet. */
  agreed = [];
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
  lingering = new Set();
  /** The tasks that are chosen, in the order of choosing. */
  chosen = new Set();
  /** The lists as the service has them, in their order. */
  lists = [];

  /** The id of the task whose detail is open. */
  opened = null;
  #wishes = new Map();
  #made = new Set();
  /** What was taken and forgotten since the last load began: tasks by their id, null for one that is gone. */
  #heeded = new Map();
  #newest = null;
  #ahead = 0;
  /** The ticked task on whose row the pointer rests, and the timer that lets the ticked ones go. */
  #rested = null;
  #settling = null;
  #day = {};
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

  /** The person's date; it is asked for with every row, so that it is worked out once a second. */
  get today() {
    const second = Math.floor((Date.now() + this.#ahead) / 1000);
    if (this.#day.second !== second || this.#day.zone !== this.me.zone) {
      this.#day = { second, zone: this.me.zone, date: toLocal(this.now, this.me.zone).slice(0, 10) };
    }
    return this.#day.date;
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
    this.#newest = changeId ?? this.#newest;
    this.said = null;
  }

  /** Whether a change of this page is not among the known ones yet. */
  get isBehind() {
    return this.#newest !== null && !this.changes.some((change) => change.change_id === this.#newest);
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

  /** Begin to remember what is taken and forgotten while all is loaded; returns it by the tasks' ids. */
  heed() {
    this.#heeded = new Map();
    return this.#heeded;
  }

  /** Take and forget again what a load has brought as it was before. */
  reheed() {
    for (const [taskId, task] of this.#heeded) {
      if (!task) this.forget(taskId);
      else if (!(this.find(taskId)?.version >= task.version)) this.replace(task);
    }
  }

  /** Take a task as the service has it now. */
  replace(task) {
    this.#heeded.set(task.id, task);
    const swap = (list) => {
      const at = list?.findIndex((each) => each.id === task.id) ?? -1;
      if (at < 0) return list;
      // The words of its rule come with lists alone; all else is as it is now, or is not there any more.
      const { rule_text } = list[at];
      return list.with(at, rule_text && task.recurring_id ? { rule_text, ...task } : task);
    };
    const open = task.status === "open";
    if (task.kind === "recurring") {
      const known = this.series.some((each) => each.id === task.id);
      this.series = known ? swap(this.series) : [...this.series, task];
    } else {
      const known = this.tasks.some((each) => each.id === task.id);
      this.tasks = known || !open ? swap(this.tasks).filter((each) => each.status === "open") : [...this.tasks, task];
      this.done = this.done.filter((each) => each.id !== task.id);
      if (!open) this.done = [task, ...this.done];
      // The open subtasks of a task are completed with it.
      if (!open) this.tasks = without(this.tasks, task.id);
    }
    this.found = swap(this.found ?? undefined) ?? null;
    this.show();
  }

  /** Forget a task that is no more with its subtasks, of a series its open tasks too. */
  forget(taskId) {
    this.#heeded.set(taskId, null);
    const ids = this.tasks.filter((task) => task.recurring_id === taskId).map((task) => task.id);
    this.tasks = without(this.tasks, taskId, ...ids).filter((task) => task.id !== taskId && task.recurring_id !== taskId);
    this.done = this.done.filter((task) => task.id !== taskId);
    this.series = this.series.filter((task) => task.id !== taskId);
    this.found = this.found?.filter((task) => task.id !== taskId) ?? null;
  }

  /** Return a list as it is to be seen, with every wish that waits. */
  view(list) {
    if (!this.#wishes.size) return list;
    const wishes = [...this.#wishes.values()];
    const wished = new Set(wishes.map((wish) => wish.taskId));
    return list
      .map((task) => {
        if (!wished.has(task.id)) return task;
        const mine = wishes.filter((wish) => wish.taskId === task.id);
        return Object.assign({}, task, ...mine.map((wish) => wish.patch), { waiting: true });
      })
      .filter((task) => !task.gone);
  }

  find(taskId) {
    const all = [...this.tasks, ...this.done, ...(this.found ?? []), ...this.series];
    return this.view(all.filter((task) => task.id === taskId))[0];
  }

  /** Return all open tasks as they are to be seen, those that wait and those whose tick is a moment old among them. */
  openTasks() {
    const waiting = this.waiting.map(({ key, fields }) => ({ ...fields, ...UNSENT, id: key }));
    const ticked = this.done.filter((each) => this.isWished(each.id) || this.lingering.has(each.id));
    const seen = this.view([...this.tasks, ...ticked]);
    return [...seen.filter((task) => task.status === "open" || task.waiting || this.lingering.has(task.id)), ...waiting];
  }

  /**
   * Keep a task that was just ticked in its place for a moment, so that no other row comes under the pointer. With `rests`
   * it stays as long as the pointer rests on it.
   */
  linger(taskId, rests) {
    this.lingering.add(taskId);
    if (rests) this.#rested = taskId;
    this.#settle();
  }

  /** The pointer has left the row of a ticked task; without an id, of whichever it was on. */
  leave(taskId = this.#rested) {
    if (taskId === null || taskId !== this.#rested) return;
    this.#rested = null;
    this.#settle();
  }

  /** Let all ticked tasks go that the pointer does not rest on; while one after the other is ticked, all of them stay. */
  #settle() {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      for (const taskId of this.lingering) if (taskId !== this.#rested) this.lingering.delete(taskId);
      this.show();
    }, LINGERS);
  }

  isWished(taskId) {
    return [...this.#wishes.values()].some((wish) => wish.taskId === taskId);
  }

  /** Return the change that `z` undoes: the newest that is in force; undefined if there is none. */
  get undoable() {
    return this.changes.find((change) => {
      if (change.undone_by || change.actor.kind === "scheduler") return false;
      return change.kind !== "undo" || this.#isRedo(change);
    });
  }

  /** Return the undo that can be turned round, if only undos and redos came after it. */
  get redoable() {
    for (const change of this.changes) {
      if (change.kind === "make_instances") continue;
      if (change.kind !== "undo") return undefined;
      if (!change.undone_by && !this.#isRedo(change)) return change;
    }
    return undefined;
  }

  /** Return whether an undo brought back what another had taken back. */
  #isRedo(change) {
    const turned = this.changes.find((other) => other.undone_by === change.change_id);
    return turned?.kind === "undo" && !this.#isRedo(turned);
  }
}

/** Return the tasks without those that stand below these. */
function without(tasks, ...taskIds) {
  const gone = new Set(taskIds);
  // Each round finds one level more.
  for (let size = 0; size !== gone.size; ) {
    size = gone.size;
    for (const task of tasks) if (gone.has(task.parent?.id)) gone.add(task.id);
  }
  return tasks.filter((task) => !gone.has(task.parent?.id));
}

export const state = new State();
