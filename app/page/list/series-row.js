// One recurring task: its rule in words, and the actions on all of its occurrences.
import { editSeries, remove } from "../data/actions.js";
import { drawSign, make, makeButton, quote } from "../text/elements.js";
import { state } from "../data/state.js";

class SeriesRow extends HTMLElement {
  #drawn = "";

  /** Show a series. */
  show(series) {
    const looks = JSON.stringify([series, state.reverted.has(series.id)]);
    if (looks === this.#drawn) return;
    this.#drawn = looks;
    const focused = [...this.querySelectorAll("button")].indexOf(document.activeElement);
    this.dataset.id = series.id;
    this.setAttribute("role", "listitem");
    this.className = `row series${series.waiting ? " waiting" : ""}`;
    const { rule_text: rule, paused } = series.recurrence;
    const act = (text, deed, note) =>
      makeButton(text, deed, { class: "quiet", title: note, "aria-label": `${text}: ${series.title}` });
    this.replaceChildren(
      drawSign("again"),
      make("span", { class: "title" }, quote(series.title)),
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
}

customElements.define("series-row", SeriesRow);
