// The tasks of a view in sections; recurring tasks and those done today are folded below.
import { arrange, make, makeButton, sayCount, seeFrame, setText } from "../text/elements.js";
import { loadMore } from "../data/loading.js";
import { isWaiting, readPlace, sectionsOf } from "../data/places.js";
import { state } from "../data/state.js";
import { chooseAll } from "./chosen-bar.js";
import "./done-list.js";
import "./series-row.js";
import "./task-row.js";
import "./week-board.js";

/** The rows of a section that are there at once, and that each "Show more" adds; today is never cut. */
const AT_ONCE = 60;
const MORE = 200;
const LONG = 50;
/** The rows that are built before the first sight of a view, and at most with each frame after it. */
const FIRST = Math.max(8, Math.ceil((innerHeight - 180) / 44));
const EACH_FRAME = 24;
/** The width of the list in pixels, without the room around it, up to which it is narrow. */
const NARROW = 560;
/** Up to this one the days of a week stand below each other. */
const SLIM = 840;
const PADDING = 24;
/** So many rows are higher than any window. */
const FULL = 100;
/** What the keys go through. */
const ROWS = "task-row, series-row";
/** The frames for which a row may be awaited. */
const PATIENT = 20;

class TaskList extends HTMLElement {
  #parts = new Map();
  #limits = new Map();
  #place = "";
  #view = "";
  /** How many rows may be built at once, so that no frame is long. */
  #budget = FIRST;
  #built = 0;
  #goesOn = false;
  #last = null;
  /** The task whose row was asked for last: it is seen wherever its section ends, and stays while others come before. */
  #shownId = null;

  connectedCallback() {
    state.addEventListener("change", () => this.#draw());
    addEventListener("hashchange", () => this.#draw());
    new ResizeObserver(() => this.#fit()).observe(this.parentElement);
    this.#fit();
    this.addEventListener("focusin", (event) => this.#moveStop(event));
    this.addEventListener("focusin", (event) => (this.#last = event.target.closest(ROWS)?.dataset.id ?? this.#last));
  }

  #draw() {
    if (!state.loaded) return;
    const place = readPlace();
    if (this.#place !== location.hash) {
      this.#place = location.hash;
      // From one week to the next the board stays, and with it what has the keys.
      if (this.#view !== "week" || place.name !== "week") this.#parts.clear();
      this.#view = place.name;
      state.leave();
      this.#limits.clear();
      this.#shownId = null;
      this.#budget = FIRST;
      this.parentElement.scrollTop = 0;
      state.chosen.clear();
    }
    document.body.dataset.place = place.name;
    const held = this.#hold();
    this.#built = 0;
    arrange(this, this.#listParts(place));
    this.#giveBack(held);
    this.#giveStops();
    this.parentElement.classList.toggle("full", this.querySelectorAll("task-row").length > FULL);
    const isCut = this.#built >= this.#budget;
    this.#budget = EACH_FRAME;
    if (isCut) this.#goOn();
  }

  /** Build more rows when those that there are have been shown. */
  async #goOn() {
    if (this.#goesOn) return;
    this.#goesOn = true;
    await seeFrame();
    this.#goesOn = false;
    this.#draw();
  }

  /** Let facts stand below their titles, and days below each other, where there is no room beside. */
  #fit() {
    const width = this.parentElement.clientWidth - PADDING;
    this.parentElement.classList.toggle("narrow", width <= NARROW);
    this.parentElement.classList.toggle("slim", width <= SLIM);
  }

  /** Remember the focus, since a row that moves to another section is rebuilt there. */
  #hold() {
    const focused = document.activeElement;
    const row = focused?.closest?.("task-row");
    if (!row || !this.contains(row)) return null;
    const index = [...this.querySelectorAll("task-row")].indexOf(row);
    return { focused, id: row.dataset.id, part: focused.classList[0], index, shown: focused.matches(":focus-visible") };
  }

  #giveBack(held) {
    if (!held || (held.focused.isConnected && document.activeElement === held.focused)) return;
    if (document.activeElement !== document.body) return;
    const rows = [...this.querySelectorAll("task-row")];
    const same = rows.find((row) => row.dataset.id === held.id);
    if (same?.checkVisibility()) return same.querySelector(`.${held.part}`)?.focus({ preventScroll: true });
    // Where the task is gone, the keys go on with the one that has taken its place.
    const next = held.shown && rows.slice(held.index).find((row) => row.checkVisibility());
    if (next) next.querySelector(".circle").focus({ preventScroll: true });
  }

  /** Let Tab stop once in each list: where the keys were last, else at its first row. */
  #giveStops() {
    for (const rows of this.querySelectorAll(".rows")) {
      const first = rows.firstElementChild;
      if (first?.matches(ROWS) && !rows.querySelector(':is(.circle, .series .title)[tabindex="0"]')) first.stops = true;
    }
  }

  #moveStop({ target }) {
    const row = target.closest(ROWS);
    if (!row || row.stops) return;
    for (const other of row.parentElement.children) if (other.stops) other.stops = false;
    row.stops = true;
  }

  #listParts(place) {
    if (state.found) return this.#listFound();
    if (place.name === "week") return [this.#show("week", "week-board")];
    if (place.name === "done") return [this.#show("done", "done-list")];
    const sections = sectionsOf(place);
    const parts = sections.map(([name, tasks]) =>
      name === "Not yet" ? this.#fold(name, tasks, "task-row") : this.#fill(name, name, tasks, "task-row"),
    );
    if (state.unseen) {
      const more = this.#part("more", () => makeButton("", loadMore, { class: "quiet" }));
      const [shown, total] = [state.tasks.length, state.tasks.length + state.unseen].map(sayCount);
      more.textContent = `${shown} of ${total} tasks are loaded · Load more`;
      parts.push(more);
    }
    const isWhole = place.name === "all" || place.name === "today";
    const done = isWhole ? listDone() : [];
    const series = place.name === "all" ? state.view(state.series).filter((task) => task.status === "open") : [];
    const isFree = place.name === "today" && sections.every(([name]) => name === "Not yet");
    if (!parts.length || isFree) {
      const empty = this.#part("empty", () => make("p", { class: "nothing" }));
      setText(empty, sayNothing(place, done.length));
      parts.unshift(empty);
      if (place.name === "all" && !series.length && !done.length) parts.push(this.#part("starters", drawExamples));
    }
    if (series.length) parts.push(this.#fold("Recurring", series, "series-row"));
    if (done.length) parts.push(this.#fold("Done today", done, "task-row"));
    return parts;
  }

  #listFound() {
    const found = state.view(state.found);
    const parts = [this.#fill("found", nameFound(found.length, state.hits), found, "task-row", Infinity)];
    const loadHits = () => document.querySelector("search-field").loadMore();
    if (state.hits.more) parts.push(this.#part("hits", () => makeButton("Show more", loadHits, { class: "quiet" })));
    return parts;
  }

  #show(name, kind) {
    const part = this.#part(name, () => document.createElement(kind));
    part.draw();
    return part;
  }

  #part(name, build) {
    if (!this.#parts.has(name)) this.#parts.set(name, build());
    return this.#parts.get(name);
  }

  #fill(key, name, tasks, kind, limit) {
    const section = this.#part(key, () => {
      const id = `section-${key.toLowerCase().replace(" ", "-")}`;
      const all = () => chooseAll([...section.querySelectorAll("task-row")].map((row) => row.key));
      const label = `Choose all: ${key === "found" ? "what was found" : name}`;
      const names = { class: "quiet choose", "aria-label": label, title: "To change them together" };
      const chooser = makeButton("Choose all", all, names);
      return make(
        "section",
        { class: "part", "aria-labelledby": id },
        make("div", { class: "head" }, make("h3", { id }), make("span", { class: "count" }), chooser),
        make("div", { role: "list", class: "rows" }),
      );
    });
    setText(section.querySelector("h3"), name);
    setText(section.querySelector(".count"), key === "found" ? "" : sayCount(tasks.length));
    section.classList.toggle("overdue", name === "Overdue");
    this.#rows(section, key, tasks, kind, name, limit);
    return section;
  }

  #fold(name, tasks, kind) {
    const fold = this.#part(name, () => {
      const kept = `open ${name}`;
      const toggle = (event) => event.target.open && this.#draw();
      // What the person chose is remembered, not what was opened to show a row. It is not turned yet.
      const click = () => localStorage.setItem(kept, fold.open ? "no" : "yes");
      const heading = make("summary", { click }, make("h3", {}, name), make("span", { class: "count" }));
      return make(
        "details",
        { class: "part", open: localStorage.getItem(kept) === "yes", toggle },
        heading,
        make("div", { role: "list", class: "rows" }),
      );
    });
    setText(fold.querySelector(".count"), sayCount(tasks.length));
    if (fold.open || fold.querySelector(".row")) this.#rows(fold, name, tasks, kind, name);
    return fold;
  }

  #rows(part, key, tasks, kind, section, limit = this.#limits.get(key) ?? (key === "Today" ? Infinity : AT_ONCE)) {
    const shown = this.#shownId ? tasks.findIndex((task) => task.id === this.#shownId) + 1 : 0;
    if (shown > limit) {
      limit = shown;
      this.#limits.set(key, shown);
    }
    const parent = part.querySelector(".rows");
    const known = new Map([...parent.children].map((row) => [row.key, row]));
    const rows = [];
    for (const task of tasks.slice(0, limit)) {
      const row = known.get(task.id) ?? (this.#built < this.#budget ? document.createElement(kind) : null);
      // What is there already stays in sight; the others follow.
      if (!row) continue;
      if (!known.has(task.id)) this.#built += 1;
      row.show(task, section);
      rows.push(row);
    }
    if (!rows.length) parent.replaceChildren();
    else arrange(parent, rows);
    parent.hidden = !rows.length;
    parent.classList.toggle("long", rows.length > LONG);
    this.#drawRest(part, key, tasks.length, limit);
  }

  /** Say how many rows of a section are shown, and go on. */
  #drawRest(part, key, total, limit) {
    const known = part.querySelector(".rest");
    if (total <= limit) {
      known?.remove();
      return;
    }
    const go = () => {
      this.#limits.set(key, (this.#limits.get(key) ?? AT_ONCE) + MORE);
      this.#draw();
    };
    const rest = known ?? part.appendChild(makeButton("", go, { class: "quiet rest" }));
    setText(rest, `${sayCount(limit)} of ${sayCount(total)} · Show more`);
  }

  /** Bring the next row, or the one before, under the keys; where none has them, the last that had. */
  step(by, { choose = false } = {}) {
    const rows = [...this.querySelectorAll(ROWS)].filter((row) => row.checkVisibility());
    const here = rows.findIndex((row) => row.contains(document.activeElement));
    const last = here < 0 ? rows.findIndex((row) => row.dataset.id === this.#last) : -1;
    const first = by > 0 ? 0 : rows.length - 1;
    const next = here >= 0 ? Math.min(rows.length - 1, Math.max(0, here + by)) : last >= 0 ? last : first;
    if (choose && here >= 0 && rows[here].task && rows[next].task) {
      state.chosen.add(rows[here].dataset.id);
      state.chosen.add(rows[next].dataset.id);
      state.show();
    }
    rows[next]?.reach();
  }

  /** Return where the keys come back to the list: the row that had them last, else the first one. */
  get stop() {
    const last = this.#last && this.#find(this.#last);
    const part = (row) => row.querySelector(".circle") ?? row.querySelector(".title");
    if (last?.checkVisibility()) return part(last);
    const first = [...this.querySelectorAll(ROWS)].find((row) => row.checkVisibility());
    return first && part(first);
  }

  #find(taskId) {
    return this.querySelector(`:is(${ROWS})[data-id="${CSS.escape(taskId)}"]`);
  }

  /** Return the id of the task or series whose row has the keys. */
  get currentId() {
    return document.activeElement?.closest?.(ROWS)?.dataset.id ?? null;
  }

  /** Return the row that has the keys. */
  get current() {
    return document.activeElement?.closest?.("task-row") ?? null;
  }

  /** Bring a task's row into sight; returns whether there is one. */
  reach(taskId) {
    const row = this.#find(taskId);
    row?.reach();
    return Boolean(row);
  }

  /**
   * Let a task's row be seen for a moment, if its section cuts it off too; the rows before it may take some frames.
   * With `keys` these go there.
   */
  glow(taskId, { frames = PATIENT, keys = false } = {}) {
    const task = state.find(taskId);
    if (task && isWaiting(task)) this.#parts.get("Not yet")?.setAttribute("open", "");
    this.#shownId = taskId;
    const row = this.#find(taskId);
    if (!row && frames) {
      this.#draw();
      requestAnimationFrame(() => this.glow(taskId, { frames: frames - 1, keys }));
      return;
    }
    if (keys) row?.reach();
    else row?.scrollIntoView({ block: "nearest" });
    row?.classList.add("glows");
    setTimeout(() => row?.classList.remove("glows"), 1_200);
  }
}

/** Return what was done today; what was done with the task above it is seen there. */
function listDone() {
  const done = state.view(state.done).filter((task) => !state.isWished(task.id) && !state.lingering.has(task.id));
  const ids = new Set(done.map((task) => task.id));
  return done.filter((task) => !ids.has(task.parent?.id));
}

/** Lines that can be added as they are, for those who see the page for the first time. */
const EXAMPLES = ["phone grandma sunday at 4pm", "take the bins out every thursday at 7:00 #home", "stamps and envelopes /Errands"];

function drawExamples() {
  const write = (words) => document.querySelector("add-task").write(words);
  const lines = EXAMPLES.map((words) => make("li", {}, makeButton(words, () => write(words), { class: "starter" })));
  return make("ul", { class: "starters", "aria-label": "Lines to begin with" }, ...lines);
}

function sayNothing(place, done) {
  if (place.name === "today") {
    if (done) return `All done for today: ${done} ${done > 1 ? "tasks" : "task"}.`;
    return "Nothing for today. Write “call mum today at 5” below, or look at the week.";
  }
  if (place.name === "list") return "Nothing is open in this list. Add a task below.";
  if (place.name === "inbox") return "Every open task has its list.";
  return "Nothing is open. Add a task below, or say it in the conversation.";
}

function nameFound(shown, { total, minimum, more }) {
  if (!shown) return "Nothing found";
  if (!more) return `Found ${shown}`;
  return `Found ${shown} of ${minimum ? "more than " : ""}${sayCount(total)}`;
}

customElements.define("task-list", TaskList);
