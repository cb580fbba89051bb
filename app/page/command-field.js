// One field that goes everywhere: tasks, views and lists by their words, every deed with its key, and a new task at last.
import { openTask } from "./data/opening.js";
import { VIEWS, listLists } from "./data/places.js";
import { isComposing, make, quote } from "./text/elements.js";
import { state } from "./data/state.js";
import { sayShort } from "./text/when.js";

const MOST = 9;
const NEAR = 2;

class CommandField extends HTMLElement {
  #box;
  #words;
  #list = make("ul", { role: "listbox", id: "commands", "aria-label": "What fits" });
  #deeds = [];
  #shown = [];
  #at = 0;

  #build() {
    this.#words = make("input", {
      role: "combobox",
      "aria-label": "Go to a task, a list or a deed",
      "aria-controls": "commands",
      "aria-expanded": "true",
      "aria-autocomplete": "list",
      placeholder: "A task, a list, something to do",
      dir: "auto",
      autocomplete: "off",
      maxlength: 200,
    });
    this.#words.addEventListener("input", () => this.#find());
    this.#words.addEventListener("keydown", (event) => this.#press(event));
    this.#box = make("dialog", { class: "commands", "aria-label": "Go to" }, this.#words, this.#list);
    this.#box.addEventListener("click", (event) => event.target === this.#box && this.#box.close());
    this.#box.addEventListener("keydown", (event) => event.stopPropagation());
    this.append(this.#box);
  }

  /** Open it; `deeds` are `[{words, key, act}]`. The same keys again close it. */
  open(deeds) {
    if (!this.#box) this.#build();
    if (this.#box.open) return this.#box.close();
    this.#deeds = deeds;
    this.#words.value = "";
    this.#box.showModal();
    this.#find();
  }

  #find() {
    const text = this.#words.value.trim();
    const words = fold(text).split(/\s+/).filter(Boolean);
    const fits = this.#listAll()
      .map((each) => ({ ...each, far: rate(fold(each.words), words) }))
      .filter((each) => each.far < Infinity)
      .sort((one, other) => one.far - other.far);
    this.#shown = fits.slice(0, MOST);
    if (text) this.#shown.push({ words: `Add “${text}”`, act: () => addWords(text) });
    this.#at = 0;
    this.#draw();
  }

  /** Return all that can be gone to; without words the deeds and views come first. */
  #listAll() {
    const go = (hash) => () => (location.hash = hash);
    const views = [...VIEWS.map(([name, words]) => [name, words]), ["inbox", "Inbox"]];
    const places = [
      ...views.map(([name, words]) => ({ words, kind: "view", act: go(name) })),
      ...listLists().map(({ id, name }) => ({ words: name, kind: "list", act: go(`list=${encodeURIComponent(id)}`) })),
    ];
    const tasks = state.view(state.tasks).map((task) => ({
      words: task.title,
      kind: task.due ? sayShort(task.due_local ?? task.due, state.today) : "task",
      act: () => openTask(task.id),
    }));
    const all = this.#words.value.trim() ? [...places, ...tasks, ...this.#deeds] : [...this.#deeds, ...places];
    const tags = [...new Set(state.tasks.flatMap((task) => task.tags ?? []))];
    return [...all, ...tags.map((tag) => ({ words: `#${tag}`, kind: "tag", act: () => search(tag) }))];
  }

  #draw() {
    const rows = this.#shown.map((each, index) => {
      const chosen = index === this.#at;
      const names = { role: "option", id: `command-${index}`, "aria-selected": String(chosen) };
      const side = each.key ? make("kbd", {}, each.key) : make("span", { class: "fact" }, each.kind ?? "");
      return make("li", { ...names, click: () => this.#go(index) }, quote(each.words), side);
    });
    this.#list.replaceChildren(...rows);
    this.#words.setAttribute("aria-activedescendant", rows.length ? `command-${this.#at}` : "");
    rows[this.#at]?.scrollIntoView({ block: "nearest" });
  }

  #press(event) {
    if (isComposing(event)) return;
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) this.#box.close();
    else if (by) this.#at = (this.#at + by + this.#shown.length) % Math.max(1, this.#shown.length);
    else if (event.key !== "Enter") return;
    event.preventDefault();
    if (by) this.#draw();
    if (event.key === "Enter") this.#go(this.#at);
  }

  #go(index) {
    const chosen = this.#shown[index];
    this.#box.close();
    chosen?.act();
  }
}

function addWords(text) {
  document.querySelector("add-task").write(text);
}

function search(words) {
  const field = document.querySelector("search-field");
  if (field.hidden) document.querySelector("[aria-controls=search]").click();
  field.look(words);
}

function fold(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Return how far a text is from words: where each begins a word of it, inside of one, or with a slip; else Infinity. */
function rate(text, words) {
  const parts = text.split(/[^\p{L}\p{N}#]+/u);
  return words.reduce((sum, word) => {
    if (parts.some((part) => part.startsWith(word))) return sum;
    if (text.includes(word)) return sum + 1;
    const slip = word.length > 3 && parts.some((part) => countSlips(part.slice(0, word.length + 1), word) <= NEAR - Number(word.length < 6));
    return slip ? sum + 2 : Infinity;
  }, 0);
}

/** Return the edit distance of two short words. */
function countSlips(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let at = 1; at <= one.length; at += 1) {
    const next = [at];
    for (let to = 1; to <= other.length; to += 1) {
      const swap = row[to - 1] + Number(one[at - 1] !== other[to - 1]);
      next.push(Math.min(swap, row[to] + 1, next[to - 1] + 1));
    }
    row = next;
  }
  return row[other.length];
}

customElements.define("command-field", CommandField);
