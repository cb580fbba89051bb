// Search by words; the results replace the sections.
import { make } from "../text/elements.js";
import { loadPages } from "../data/loading.js";
import { state } from "../data/state.js";

const PAUSE = 120;
const AT_ONCE = 50;

class SearchField extends HTMLElement {
  #words;
  #turn = 0;
  #wanted = AT_ONCE;

  connectedCallback() {
    this.#words = make("input", {
      type: "search",
      placeholder: "Words of a title, notes or tags",
      "aria-label": "Search tasks",
      dir: "auto",
      maxlength: 200,
    });
    this.#words.addEventListener("input", () => {
      this.#wanted = AT_ONCE;
      this.#search(PAUSE);
    });
    this.#words.addEventListener("keydown", (event) => {
      if (event.key === "Escape") document.querySelector("[aria-controls=search]").click();
    });
    this.append(this.#words);
    let changes = state.changes;
    state.addEventListener("change", () => {
      if (changes === state.changes) return;
      changes = state.changes;
      if (!this.hidden && this.#words.value.trim()) this.#search(0);
    });
  }

  async #search(pause) {
    const turn = ++this.#turn;
    await new Promise((resolve) => setTimeout(resolve, pause));
    const text = this.#words.value.trim();
    if (turn !== this.#turn || this.hidden) return;
    if (!text) {
      state.found = null;
      state.show();
      return;
    }
    try {
      const { tasks, total, minimum, more } = await loadPages({ text, status: "all" }, this.#wanted);
      if (turn !== this.#turn) return;
      state.found = tasks;
      state.hits = { total, minimum, more };
      state.show();
    } catch (problem) {
      state.say(problem.message, true);
    }
  }

  /** Bring the keys here. */
  open() {
    this.#words.focus();
    this.#words.select();
    this.#search(0);
  }

  /** Show more of what was found. */
  loadMore() {
    this.#wanted += AT_ONCE;
    return this.#search(0);
  }

  /** Show everything again. */
  close() {
    this.#wanted = AT_ONCE;
    this.#turn += 1;
    state.found = null;
    state.show();
  }
}

customElements.define("search-field", SearchField);
