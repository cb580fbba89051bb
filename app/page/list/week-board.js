// Seven days side by side, from today or another day on; a task goes to another day by drag or by H and L.
import { edit } from "../data/actions.js";
import { nameDayField, readDay, readPlace, readPlaceInTime, weekOf } from "../data/places.js";
import { address, call } from "../data/service.js";
import { arrange, drawSign, make, makeButton, quote, whisper } from "../text/elements.js";
import { state } from "../data/state.js";
import { loadPages } from "../data/loading.js";
import { addDays, countDays, localDue, sayColumn, sayHeading } from "../text/when.js";
import "./task-row.js";

const MOST = 60;
/** What is overdue leaves the room to the days. */
const MOST_LATE = 3;
/** Completed tasks of past days that are shown. */
const MOST_DONE = 200;

class WeekBoard extends HTMLElement {
  #days = new Map();
  #late = make("section", { class: "part overdue late-ones" });
  #limits = new Map();
  /** Dates of recurring tasks that have no task yet. */
  #coming = [];
  /** What was done in a week that is not all ahead. */
  #done = [];
  #asked = "";
  #looked = "";
  #here = makeButton("This week", () => goToWeek(state.today), { class: "quiet" });
  #turn = make(
    "div",
    { class: "turn", role: "group", "aria-label": "Weeks" },
    this.#here,
    makeButton("‹", () => turnWeek(-1), { class: "quiet", "aria-label": "The week before", title: "The week before (<)" }),
    makeButton("›", () => turnWeek(1), { class: "quiet", "aria-label": "The week after", title: "The week after (>)" }),
  );

  draw() {
    const { from } = readPlace();
    const until = addDays(from, 6);
    this.#ask(from, until);
    this.#look(from, until);
    const done = state.view(this.#done).filter((task) => task.status === "completed" && !state.lingering.has(task.id));
    const { days, overdue } = weekOf(from, done);
    const columns = days.map(({ date, tasks }) => this.#day(date, tasks));
    this.#drawLate(overdue);
    this.#here.hidden = from === state.today;
    arrange(this, [this.#turn, ...(overdue.length ? [this.#late] : []), boxOf(this, columns)]);
  }

  #drawLate(tasks) {
    if (!this.#late.children.length) {
      const head = make("div", { class: "head" }, make("h3", {}, "Overdue"), make("span", { class: "count" }));
      this.#late.append(head, make("div", { role: "list", class: "rows" }));
    }
    this.#rows(this.#late, "late", tasks, "Overdue");
  }

  #day(date, tasks) {
    if (!this.#days.has(date)) {
      const name = make("h3", { id: `day-${date}`, title: sayHeading(date) }, sayColumn(date));
      const section = make(
        "section",
        { class: "day", "aria-labelledby": `day-${date}`, "data-date": date },
        make("div", { class: "head" }, name, make("span", { class: "count" })),
        make("div", { role: "list", class: "rows" }),
        make("ul", { class: "coming", "aria-label": "Still to come" }),
      );
      section.addEventListener("dragover", (event) => {
        event.preventDefault();
        section.classList.add("over");
      });
      section.addEventListener("dragleave", () => section.classList.remove("over"));
      section.addEventListener("drop", (event) => {
        event.preventDefault();
        section.classList.remove("over");
        moveTo(event.dataTransfer.getData("text/plain"), date);
      });
      this.#days.set(date, section);
    }
    const section = this.#days.get(date);
    section.classList.toggle("today", date === state.today);
    this.#rows(section, date, tasks, date === state.today ? "Today" : "Day");
    const coming = this.#coming.filter((each) => localDue(each.due, state.me.zone).slice(0, 10) === date);
    section.querySelector(".coming").replaceChildren(
      ...coming.map((each) =>
        make("li", {}, drawSign("again"), quote(each.title), whisper(", comes"), ` ${localDue(each.due, state.me.zone).slice(11, 16)}`),
      ),
    );
    section.querySelector(".coming").hidden = !coming.length;
    return section;
  }

  #rows(part, key, tasks, section) {
    const limit = this.#limits.get(key) ?? (key === "late" ? MOST_LATE : MOST);
    const parent = part.querySelector(".rows");
    const known = new Map([...parent.children].map((row) => [row.key, row]));
    const rows = tasks.slice(0, limit).map((task) => {
      const row = known.get(task.id) ?? document.createElement("task-row");
      row.show(task, section);
      row.draggable = true;
      return row;
    });
    if (rows.length) arrange(parent, rows);
    else parent.replaceChildren();
    parent.hidden = !rows.length;
    part.querySelector(".count").textContent = tasks.length || "";
    part.querySelector(".rest")?.remove();
    if (tasks.length > limit) {
      const go = () => {
        this.#limits.set(key, limit + MOST);
        this.draw();
      };
      part.append(makeButton(`${limit} of ${tasks.length} · Show more`, go, { class: "quiet rest" }));
    }
  }

  /** Ask for the dates of recurring tasks that are still to come in this week, once for each state of the series. */
  async #ask(from, until) {
    const asked = from + JSON.stringify(state.series.map((each) => [each.id, each.version]));
    if (asked === this.#asked) return;
    this.#asked = asked;
    const answer = await call("GET", address("/api/tasks", { due_from: from, due_until: until, limit: 1 })).catch(() => ({}));
    if (this.#asked !== asked) return;
    this.#coming = answer.upcoming ?? [];
    if (this.isConnected && this.#coming.length) this.draw();
  }

  /** Ask for what was done on the days that are over, again with each change. */
  async #look(from, until) {
    const asked = from < state.today ? `${from} ${state.changes[0]?.change_id}` : "";
    if (asked === this.#looked) return;
    this.#looked = asked;
    if (!asked) {
      this.#done = [];
      return;
    }
    const query = { status: "completed", completed_from: from, completed_until: until, sort: "completed" };
    const found = await loadPages(query, MOST_DONE).catch((problem) => state.say(problem.message, true));
    if (this.#looked !== asked || !found) return;
    this.#done = found.tasks;
    if (this.isConnected) this.draw();
  }
}

/** Return the box of the seven columns with its days in place. */
function boxOf(board, columns) {
  const box = board.querySelector(".days") ?? make("div", { class: "days" });
  arrange(box, columns);
  return box;
}

/** Go some weeks on or back. */
export function turnWeek(by) {
  const { name, from } = readPlace();
  if (name === "week") goToWeek(addDays(from, 7 * by));
}

function goToWeek(from) {
  location.hash = from === state.today ? "week" : `week=${from}`;
}

/** Give a task another day: of its due, or of its start where it has no due. Its time of day stays. */
export function moveTo(taskId, date) {
  const task = state.find(taskId);
  const place = task ? readPlaceInTime(task) : "";
  if (!task || place.slice(0, 10) === date) return;
  const time = place.slice(11, 16);
  edit(task, { [nameDayField(task)]: time ? `${date}T${time}` : date });
}

/** Move a task by days, not before today. */
export function moveBy(task, days) {
  const date = readDay(task);
  const from = !date || countDays(date, state.today) > 0 ? state.today : date;
  const to = date === from || !date ? addDays(from, date ? days : 0) : from;
  if (countDays(state.today, to) >= 0) moveTo(task.id, to);
}

addEventListener("dragstart", (event) => {
  const row = event.target.closest?.("task-row");
  if (row) event.dataTransfer.setData("text/plain", row.dataset.id);
});

customElements.define("week-board", WeekBoard);
