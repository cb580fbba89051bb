// The last fourteen days as bars, and as a table for who does not see them; and what each list holds.
import { make } from "../text/elements.js";
import { call } from "../data/service.js";
import { state } from "../data/state.js";
import { sayHeading } from "../text/when.js";

const HEIGHT = 72;
const STEP = 34;
const BAR = 11;
const LETTERS = "SMTWTFS";

class StatisticsChart extends HTMLElement {
  connectedCallback() {
    let changes = state.changes;
    state.addEventListener("change", () => {
      if (this.hidden || changes === state.changes) return;
      changes = state.changes;
      this.open();
    });
  }

  /** Load the numbers and show them. */
  async open() {
    try {
      this.#draw(await call("GET", "/api/statistics?lists=true"));
    } catch (problem) {
      state.say(problem.message, true);
    }
  }

  #draw({ days, open, overdue, lists }) {
    const sum = (name) => days.reduce((total, day) => total + day[name], 0);
    const said = `Last 14 days: ${sum("created")} added, ${sum("completed")} done. Now ${open} open, ${overdue} overdue.`;
    const most = Math.max(1, ...days.flatMap((day) => [day.created, day.completed]));
    const bars = days.flatMap((day, index) => drawDay(day, index, most));
    const box = { viewBox: `0 0 ${STEP * days.length} ${HEIGHT + 38}`, "aria-hidden": "true", class: "bars" };
    const keys = make(
      "p",
      { class: "keys", "aria-hidden": "true" },
      make("span", { class: "created" }, "added"),
      make("span", { class: "completed" }, "done"),
    );
    this.replaceChildren(make("p", { class: "said" }, said), make("svg:svg", box, ...bars), keys, drawTable(days), drawLists(lists));
  }
}

function drawDay(day, index, most) {
  const left = index * STEP + (STEP - 2 * BAR - 2) / 2;
  const bar = (name, x) => {
    const height = Math.round((day[name] / most) * HEIGHT);
    const parts = [
      make("svg:rect", {
        class: name,
        x,
        y: HEIGHT + 14 - Math.max(height, 1),
        width: BAR,
        height: Math.max(height, 1),
        rx: 2,
      }),
    ];
    if (day[name])
      parts.push(make("svg:text", { class: "number", x: x + BAR / 2, y: HEIGHT + 9 - height }, String(day[name])));
    return parts;
  };
  const weekday = new Date(`${day.day}T00:00:00Z`).getUTCDay();
  const label = make("svg:text", { class: "day", x: left + BAR + 1, y: HEIGHT + 32 }, LETTERS[weekday]);
  return [...bar("created", left), ...bar("completed", left + BAR + 2), label];
}

function drawTable(days) {
  const cells = (day) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, sayHeading(day.day)),
      make("td", {}, String(day.created)),
      make("td", {}, String(day.completed)),
    );
  const head = make("tr", {}, ...["Day", "Added", "Done"].map((name) => make("th", { scope: "col" }, name)));
  return make(
    "table",
    { class: "whisper" },
    make("caption", {}, "Tasks added and done"),
    make("thead", {}, head),
    make("tbody", {}, ...days.map(cells)),
  );
}

function drawLists(lists) {
  const cells = (list) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, list.archived ? `${list.name} (archived)` : list.name),
      ...[list.open, list.overdue, list.completed].map((count) => make("td", {}, String(count))),
    );
  const head = make("tr", {}, ...["List", "Open", "Overdue", "Done"].map((name) => make("th", { scope: "col" }, name)));
  return make(
    "table",
    { class: "by-list" },
    make("caption", { class: "whisper" }, "Tasks of each list, now"),
    make("thead", {}, head),
    make("tbody", {}, ...lists.map(cells)),
  );
}

customElements.define("statistics-chart", StatisticsChart);
