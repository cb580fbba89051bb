// What is done, by day, the newest first: how many there are, and more of them.
import { address, call } from "../data/service.js";
import { arrange, make, makeButton, sayCount } from "../text/elements.js";
import { state } from "../data/state.js";
import { sayHeading, toLocal } from "../text/when.js";
import "./task-row.js";

const PAGE = 50;

class DoneList extends HTMLElement {
  #tasks = [];
  #cursor = undefined;
  #total = null;
  #changes = null;
  #busy = false;
  #days = new Map();
  #head = make("p", { class: "fact", role: "status" });
  #more = makeButton("Show more", () => this.#load(), { class: "quiet rest" });

  draw() {
    const [newest] = state.changes;
    if (this.#changes !== (newest?.change_id ?? "")) {
      this.#changes = newest?.change_id ?? "";
      this.#load(true);
    }
    this.#fill();
  }

  async #load(again = false) {
    if (this.#busy) return;
    this.#busy = true;
    const wanted = again ? Math.max(PAGE, this.#tasks.length) : this.#tasks.length + PAGE;
    let tasks = again ? [] : this.#tasks;
    let cursor = again ? undefined : this.#cursor;
    try {
      do {
        const query = { status: "completed", sort: "completed", limit: PAGE, cursor };
        const answer = await call("GET", address("/api/tasks", query));
        tasks = [...tasks, ...answer.tasks];
        cursor = answer.next_cursor;
        this.#total = `${answer.total_is_minimum ? "more than " : ""}${sayCount(answer.total)}`;
      } while (cursor && tasks.length < wanted);
      this.#tasks = tasks;
      this.#cursor = cursor;
    } catch (problem) {
      state.say(problem.message, true);
    }
    this.#busy = false;
    this.#fill();
  }

  #fill() {
    if (this.#total === null) return;
    const days = new Map();
    for (const task of state.view(this.#tasks).filter((each) => each.status === "completed")) {
      const day = toLocal(task.completed_at, state.me.zone).slice(0, 10);
      days.set(day, [...(days.get(day) ?? []), task]);
    }
    const parts = [...days].map(([day, tasks]) => this.#day(day, tasks));
    this.#head.textContent = this.#tasks.length
      ? this.#cursor
        ? `${this.#tasks.length} of ${this.#total} done`
        : `${this.#tasks.length} done`
      : "Nothing is done yet. Tick the circle of a task, and it comes here.";
    arrange(this, [this.#head, ...parts, ...(this.#cursor ? [this.#more] : [])]);
  }

  #day(day, tasks) {
    if (!this.#days.has(day)) {
      const name = make("h3", { id: `done-${day}` }, day === state.today ? "Today" : sayHeading(day));
      const head = make("div", { class: "head" }, name, make("span", { class: "count" }));
      this.#days.set(
        day,
        make("section", { class: "part", "aria-labelledby": `done-${day}` }, head, make("div", { role: "list", class: "rows" })),
      );
    }
    const part = this.#days.get(day);
    part.querySelector(".count").textContent = tasks.length;
    const parent = part.querySelector(".rows");
    const known = new Map([...parent.children].map((row) => [row.key, row]));
    const rows = tasks.map((task) => known.get(task.id) ?? document.createElement("task-row"));
    rows.forEach((row, index) => row.show(tasks[index], "Done"));
    arrange(parent, rows);
    return part;
  }
}

customElements.define("done-list", DoneList);
