// One recurring task: its rule in words, and the actions on all of its occurrences; opened, all of it is edited.
import { editSeries, remove } from "../data/actions.js";
import { openTask } from "../data/opening.js";
import { drawSign, make, makeButton, quote } from "../text/elements.js";
import { state } from "../data/state.js";
import { walkRow } from "./task-row.js";

class SeriesRow extends HTMLElement {
  /** The series' id. */
  key = "";
  #drawn = "";
  #stops = false;

  constructor() {
    super();
    this.addEventListener("keydown", (event) => walkRow(this, event));
  }

  /** Whether Tab stops here, as at one row of each list. */
  set stops(wanted) {
    this.#stops = wanted;
    this.querySelector(".title")?.setAttribute("tabindex", wanted ? "0" : "-1");
  }

  get stops() {
    return this.#stops;
  }

  /** Show a series. */
  show(series) {
    const looks = JSON.stringify([series, state.reverted.has(series.id)]);
    if (looks === this.#drawn) return;
    this.#drawn = looks;
    const focused = [...this.querySelectorAll("button")].indexOf(document.activeElement);
    this.key = this.dataset.id = series.id;
    this.setAttribute("role", "listitem");
    this.className = `row series${series.waiting ? " waiting" : ""}`;
    const { rule_text: rule, paused } = series.recurrence;
    const act = (text, deed, note) =>
      makeButton(text, deed, { class: "quiet", title: note, tabindex: "-1", "aria-label": `${text}: ${series.title}` });
    const names = { class: "title", tabindex: this.#stops ? "0" : "-1", "aria-label": `${series.title}, ${rule}, open` };
    this.replaceChildren(
      drawSign("again"),
      makeButton(quote(series.title), () => openTask(series.id), names),
      make("span", { class: "facts" }, paused ? `paused · ${rule}` : rule),
      make(
        "span",
        { class: "acts" },
        act("Skip next", () => editSeries(series, { skip: "1" }), "Leave the next occurrence out"),
        act(paused ? "Go on" : "Pause", () => editSeries(series, { paused: !paused }), "For all that come"),
        act("End", () => remove(series), "Delete all that are open; those done stay"),
      ),
    );
    if (focused >= 0) this.querySelectorAll("button")[focused]?.focus({ preventScroll: true });
  }

  /** Bring the row into sight and the keys to it. */
  reach() {
    this.querySelector(".title").focus();
    this.scrollIntoView({ block: "nearest" });
  }
}

customElements.define("series-row", SeriesRow);
