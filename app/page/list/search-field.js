// Search by words; the results replace the sections. The keys go from the words into the hits and back.
import { make, quote } from "../text/elements.js";
import { findLine, findWords, fold } from "../text/found-words.js";
import { loadPages } from "../data/loading.js";
import { call } from "../data/service.js";
import { state } from "../data/state.js";

const PAUSE = 120;
const AT_ONCE = 50;

class SearchField extends HTMLElement {
  #words;
  #turn = 0;
  #wanted = AT_ONCE;
  /** The hit that had the keys last: where the search ends, they go on with it. */
  #last = null;
  #near = make("p", { class: "near fact", hidden: true });

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
    this.#words.addEventListener("keydown", (event) => this.#press(event));
    this.append(this.#words, this.#near);
    let changes = state.changes;
    state.addEventListener("change", () => {
      if (!this.hidden) queueMicrotask(() => this.#mark());
      if (changes === state.changes) return;
      changes = state.changes;
      if (!this.hidden && this.#words.value.trim()) this.#search(0);
    });
    addEventListener("focusin", ({ target }) => {
      const row = state.found && target.closest?.("task-row");
      if (row) this.#last = row.dataset.id;
    });
  }

  #press(event) {
    if (event.isComposing || !["Escape", "ArrowDown", "Enter"].includes(event.key)) return;
    if (event.key === "Escape") document.querySelector("[aria-controls=search]").click();
    else document.querySelector("task-list task-row")?.reach();
    event.preventDefault();
    event.stopPropagation();
  }

  async #search(pause) {
    const turn = ++this.#turn;
    await new Promise((resolve) => setTimeout(resolve, pause));
    const text = this.#words.value.trim();
    if (turn !== this.#turn || this.hidden) return;
    if (!text) {
      state.found = null;
      this.#near.hidden = true;
      state.show();
      return;
    }
    try {
      const { tasks, total, minimum, more, near } = await loadPages({ text, status: "all" }, this.#wanted);
      const found = await Promise.all(tasks.map((task) => addLine(task, readWords(text))));
      if (turn !== this.#turn) return;
      state.found = found;
      state.hits = { total, minimum, more };
      this.#offer(near);
      state.show();
    } catch (problem) {
      state.say(problem.message, true);
    }
  }

  /** Offer titles that come near to what nothing has. */
  #offer(near = []) {
    const pick = (title) => () => {
      this.#words.value = title;
      this.#words.focus();
      this.#search(0);
    };
    const titles = [...new Set(near.map((each) => each.title))];
    this.#near.replaceChildren(
      "Did you mean ",
      ...titles.map((title) => make("button", { type: "button", class: "quiet", click: pick(title) }, quote(title))),
    );
    this.#near.hidden = !titles.length;
  }

  /** Mark the words where the titles of the hits have them. */
  #mark() {
    if (!window.Highlight) return;
    CSS.highlights.delete("found");
    const words = readWords(this.#words.value);
    if (!state.found || !words.length) return;
    const texts = document.querySelectorAll("task-list :is(.title, .found-line) bdi");
    const ranges = [...texts].flatMap((text) => findRanges(text, words));
    CSS.highlights.set("found", new Highlight(...ranges));
  }

  /** Bring the keys here. */
  open() {
    this.#last = null;
    this.#words.focus();
    this.#words.select();
    this.#search(0);
  }

  /** Search for words. */
  look(words) {
    this.#words.value = words;
    this.#search(0);
  }

  /** Show more of what was found. */
  loadMore() {
    this.#wanted += AT_ONCE;
    return this.#search(0);
  }

  /** Show everything again; the row that one came for keeps the keys. */
  close() {
    this.#wanted = AT_ONCE;
    this.#turn += 1;
    state.found = null;
    state.show();
    const row = this.#last;
    if (row) requestAnimationFrame(() => document.querySelector("task-list").reach(row));
    if (window.Highlight) CSS.highlights.delete("found");
  }
}

function readWords(text) {
  return fold(text).split(/\s+/).filter(Boolean);
}

/** Return a hit with the line of its notes that was found; a list cuts long notes, so that they may have to be read. */
async function addLine(task, words) {
  const line = findLine(task, words);
  if (line !== "" || !task.notes_cut) return { ...task, line };
  const whole = await call("GET", `/api/tasks/${task.id}`).catch(() => task);
  return { ...task, line: findLine(whole, words) };
}

/** Return the ranges of an element's text where one of the words begins a word of it. */
function findRanges(element, words) {
  const node = element.firstChild;
  return findWords(node?.data ?? "", words).map(([from, to]) => {
    const range = document.createRange();
    range.setStart(node, from);
    range.setEnd(node, to);
    return range;
  });
}

customElements.define("search-field", SearchField);
