// Seven days side by side, from today on; a task goes to another day by drag or by H and L.
import { edit } from "../data/actions.js";
import { nameDayField, readDay, readPlaceInTime, weekOf } from "../data/places.js";
import { address, call } from "../data/service.js";
import { arrange, drawSign, make, makeButton, quote, whisper } from "../text/elements.js";
import { state } from "../data/state.js";
import { addDays, countDays, localDue, sayColumn, sayHeading } from "../text/when.js";
import "./task-row.js";

const MOST = 60;
/** What is overdue leaves the room to the days. */
const MOST_LATE = 3;

class WeekBoard extends HTMLElement {
  #days = new Map();
  #late = make("section", { class: "part overdue late-ones" });
  #limits = new Map();
  /** Dates of recurring tasks that have no task yet. */
  #coming = [];
  #asked = "";

  draw() {
    const { days, overdue } = weekOf();
    this.#ask(days[6].date);
    const columns = days.map(({ date, tasks }) => this.#day(date, tasks));
    this.#drawLate(overdue);
    arrange(this, [...(overdue.length ? [this.#late] : []), boxOf(this, columns)]);
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
  async #ask(until) {
    const asked = until + JSON.stringify(state.series.map((each) => [each.id, each.version]));
    if (asked === this.#asked) return;
    this.#asked = asked;
    const answer = await call("GET", address("/api/tasks", { due_until: until, limit: 1 })).catch(() => ({}));
    this.#coming = answer.upcoming ?? [];
    if (this.isConnected && this.#coming.length) this.draw();
  }
}

/** Return the box of the seven columns with its days in place. */
function boxOf(board, columns) {
  const box = board.querySelector(".days") ?? make("div", { class: "days" });
  arrange(box, columns);
  return box;
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
