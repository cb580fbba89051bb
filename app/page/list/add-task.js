// The line where a task is added: words, and if wanted a day, a time and a reminder.
import { add } from "../data/actions.js";
import { isComposing, make } from "../text/elements.js";
import { state } from "../data/state.js";

class AddTask extends HTMLElement {
  #title;
  #more;

  connectedCallback() {
    this.#title = make("input", {
      class: "words",
      placeholder: "Add a task",
      "aria-label": "Add a task",
      dir: "auto",
      maxlength: 200,
      autocomplete: "off",
    });
    const day = make("input", { type: "date", "aria-label": "Due date" });
    const time = make("input", { type: "time", "aria-label": "Due time" });
    const choices = {
      "": "no reminder",
      "0m": "remind at due",
      "30m": "remind 30 min before",
      "1d": "remind a day before",
    };
    const reminder = make(
      "select",
      { "aria-label": "Reminder", disabled: true },
      ...Object.entries(choices).map(([value, text]) => make("option", { value }, text)),
    );
    const send = make("button", { type: "submit" }, "Add");
    this.#more = make("div", { class: "line", hidden: true }, day, time, reminder, send);
    const form = make(
      "form",
      { class: "add" },
      make("span", { class: "plus", "aria-hidden": "true" }, "+"),
      this.#title,
      this.#more,
    );
    form.addEventListener("focusin", () => this.#open(true));
    form.addEventListener("focusout", () => setTimeout(() => this.#open(form.contains(document.activeElement)), 150));
    form.addEventListener("input", () => {
      if (time.value && !day.value) day.value = state.today;
      reminder.disabled = !day.value;
      if (reminder.disabled) reminder.value = "";
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const title = this.#title.value.trim();
      if (!title) return;
      const fields = { title };
      if (day.value) fields.due = time.value ? `${day.value}T${time.value}` : day.value;
      if (day.value && reminder.value) fields.reminders = [{ before: reminder.value }];
      // The line is free at once: text typed before the answer arrives is the next task.
      const written = [this.#title.value, day.value, time.value, reminder.value];
      form.reset();
      reminder.disabled = true;
      this.#title.focus();
      if ((await add(fields)) || this.#title.value) return;
      [this.#title.value, day.value, time.value, reminder.value] = written;
      reminder.disabled = !day.value;
    });
    form.addEventListener("keydown", (event) => {
      if (isComposing(event)) {
        if (event.key === "Enter") event.preventDefault();
        return;
      }
      if (event.key === "Escape") this.#title.blur();
    });
    this.append(form);
  }

  #open(wanted) {
    this.#more.hidden = !wanted && !this.#title.value;
  }

  /** Bring the keys here. */
  reach() {
    this.#title.focus();
  }
}

customElements.define("add-task", AddTask);
