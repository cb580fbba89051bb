// Search by words; the results replace the sections.
import { make } from "../text/elements.js";
import { address, call } from "../data/service.js";
import { state } from "../data/state.js";

const PAUSE = 120;

class SearchField extends HTMLElement {
  #words;
  #turn = 0;

  connectedCallback() {
    this.#words = make("input", {
      type: "search",
      placeholder: "Words of a title, notes or tags",
      "aria-label": "Search tasks",
      dir: "auto",
      maxlength: 200,
    });
    this.#words.addEventListener("input", () => this.#search(PAUSE));
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
      const answer = await call("GET", address("/api/tasks", { text, status: "all", limit: 50 }));
      if (turn !== this.#turn) return;
      state.found = answer.tasks;
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

  /** Show everything again. */
  close() {
    this.#turn += 1;
    state.found = null;
    state.show();
  }
}

customElements.define("search-field", SearchField);
