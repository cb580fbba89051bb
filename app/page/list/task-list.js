// The tasks in sections by due; recurring tasks and those done today are folded below.
import { arrange, make, makeButton } from "../text/elements.js";
import { loadMore } from "../data/loading.js";
import { state } from "../data/state.js";
import "./series-row.js";
import "./task-row.js";

class TaskList extends HTMLElement {
  #parts = new Map();

  connectedCallback() {
    state.addEventListener("change", () => this.#draw());
  }

  #draw() {
    if (!state.loaded) return;
    const held = this.#hold();
    this.#drawParts();
    this.#giveBack(held);
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
    const same = rows.find((row) => row.dataset.id === held.id && row.checkVisibility());
    // Where the task is gone, the keys go on with the one that has taken its place.
    const next = held.shown ? rows.filter((row) => row.checkVisibility())[held.index] : null;
    (same?.querySelector(`.${held.part}`) ?? next?.querySelector(".circle"))?.focus({ preventScroll: true });
  }

  #drawParts() {
    if (state.found) {
      const found = state.view(state.found);
      const parts = [this.#fill("found", nameFound(found.length, state.hits), found, "task-row")];
      const loadHits = () => document.querySelector("search-field").loadMore();
      if (state.hits.more) parts.push(this.#part("hits", () => makeButton("Show more", loadHits, { class: "quiet" })));
      arrange(this, parts);
      return;
    }
    const parts = state.sections().map(([name, tasks]) => this.#fill(name, name, tasks, "task-row"));
    if (state.unseen) parts.push(this.#part("more", () => makeButton("Show more", loadMore, { class: "quiet" })));
    const done = state.view(state.done).filter((task) => !state.isWished(task.id));
    const series = state.view(state.series).filter((task) => task.status === "open");
    if (!parts.length)
      parts.push(
        this.#part("empty", () =>
          make("p", { class: "nothing" }, "Nothing is open. Add a task below, or say it in the conversation."),
        ),
      );
    if (series.length) parts.push(this.#fold("Recurring", series, "series-row"));
    if (done.length) parts.push(this.#fold("Done today", done, "task-row"));
    arrange(this, parts);
  }

  #part(name, build) {
    if (!this.#parts.has(name)) this.#parts.set(name, build());
    return this.#parts.get(name);
  }

  #fill(key, name, tasks, kind) {
    const section = this.#part(key, () => {
      const id = `section-${key.toLowerCase().replace(" ", "-")}`;
      return make(
        "section",
        { class: "part", "aria-labelledby": id },
        make("h3", { id }),
        make("div", { role: "list", class: "rows" }),
      );
    });
    section.querySelector("h3").textContent = name;
    section.classList.toggle("overdue", name === "Overdue");
    this.#rows(section.querySelector(".rows"), tasks, kind, name);
    return section;
  }

  #fold(name, tasks, kind) {
    const fold = this.#part(name, () => {
      const kept = `open ${name}`;
      const toggle = (event) => localStorage.setItem(kept, event.target.open ? "yes" : "no");
      const heading = make("summary", {}, make("h3", {}, name), make("span", { class: "count" }));
      return make(
        "details",
        { class: "part", open: localStorage.getItem(kept) === "yes", toggle },
        heading,
        make("div", { role: "list", class: "rows" }),
      );
    });
    fold.querySelector(".count").textContent = tasks.length;
    this.#rows(fold.querySelector(".rows"), tasks, kind, name);
    return fold;
  }

  #rows(parent, tasks, kind, section) {
    const known = new Map([...parent.children].map((row) => [row.dataset.id, row]));
    const rows = tasks.map((task) => known.get(task.id) ?? document.createElement(kind));
    rows.forEach((row, index) => row.show(tasks[index], section));
    if (!rows.length) parent.replaceChildren();
    else arrange(parent, rows);
    parent.hidden = !rows.length;
  }

  /** Bring the next row, or the one before, under the keys. */
  step(by) {
    const rows = [...this.querySelectorAll("task-row")].filter((row) => row.checkVisibility());
    const here = rows.findIndex((row) => row.contains(document.activeElement));
    const next = here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, here + by));
    rows[next]?.reach();
  }

  /** Return the row that has the keys. */
  get current() {
    return document.activeElement?.closest?.("task-row") ?? null;
  }

  /** Bring a task's row into sight; returns whether there is one. */
  reach(taskId) {
    const row = this.querySelector(`task-row[data-id="${CSS.escape(taskId)}"]`);
    row?.reach();
    return Boolean(row);
  }
}

function nameFound(shown, { total, minimum, more }) {
  if (!shown) return "Nothing found";
  if (!more) return `Found ${shown}`;
  return `Found ${shown} of ${minimum ? "more than " : ""}${total.toLocaleString("en")}`;
}

customElements.define("task-list", TaskList);
