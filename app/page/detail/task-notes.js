// A task's notes: plain text with links to click; a click beside them, or Enter, writes.
import { edit } from "../data/actions.js";
import { make, makeButton } from "../text/elements.js";
import { state } from "../data/state.js";
import { linkText } from "../text/links.js";

export class TaskNotes {
  #task = null;
  #isWhole = true;
  #shown = make("div", { class: "notes", dir: "auto" });
  #field = null;
  #write = makeButton("Write", () => this.#open(), { class: "quiet" });
  #whole = make(
    "section",
    { class: "field", "aria-label": "Notes" },
    make("h3", {}, "Notes"),
    make("div", {}, this.#shown, this.#write),
  );

  constructor() {
    this.#shown.addEventListener("click", (event) => {
      if (!event.target.closest("a") && !getSelection().toString()) this.#open();
    });
  }

  /** Show the notes of a task; words that are being written stay. Only the whole of them can be written on. */
  draw(task, isWhole = true) {
    this.#isWhole = isWhole;
    this.#write.disabled = !isWhole;
    const changed = this.#task?.notes !== task.notes;
    this.#task = task;
    if (this.#field) return this.#whole;
    if (changed || !this.#whole.isConnected) {
      this.#shown.replaceChildren(...linkText(task.notes ?? ""));
      this.#shown.hidden = !task.notes;
      this.#write.textContent = task.notes ? "Edit" : "Write a note";
    }
    return this.#whole;
  }

  #open() {
    if (this.#field || !this.#isWhole) return;
    const task = this.#task;
    const field = make("textarea", { "aria-label": "Notes", rows: 4, maxlength: 10_000, dir: "auto", class: "notes" });
    field.value = task.notes ?? "";
    field.dataset.before = field.value;
    this.#field = field;
    const fit = () => {
      field.style.height = "auto";
      field.style.height = `${Math.max(field.scrollHeight + 2, 96)}px`;
    };
    field.addEventListener("input", fit);
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) field.blur();
    });
    field.addEventListener("blur", () => this.#close(task));
    this.#shown.replaceWith(field);
    this.#write.hidden = true;
    fit();
    field.focus();
  }

  async #close(task) {
    const field = this.#field;
    if (!field) return;
    this.#field = null;
    const written = field.value;
    field.replaceWith(this.#shown);
    this.#write.hidden = false;
    const isLeft = Boolean(field.dataset.left) || written === (task.notes ?? "");
    this.#shown.replaceChildren(...linkText(isLeft ? (this.#task.notes ?? "") : written));
    this.#shown.hidden = !this.#shown.textContent;
    if (isLeft) return;
    const saved = await edit(task, { notes: written.trim() ? written : null });
    if (saved) return;
    // What was written is not lost: the field opens again with it.
    this.#open();
    this.#field.value = written;
    state.show();
  }
}
