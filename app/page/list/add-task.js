// The line where a task is added: what is read of its words shows as chips, each of which can be taken off.
import { add } from "../data/actions.js";
import { readPlace, listLists } from "../data/places.js";
import { drawSign, isComposing, make, makeButton, makeTimeField, quote } from "../text/elements.js";
import { state } from "../data/state.js";
import { sayLead, sayShort } from "../text/when.js";
import { askForLines, cutLines } from "./pasted-lines.js";
import { isOver } from "./task-menu.js";
import { nameSpan, readTyped, writeFields } from "./typed-line.js";

const PAUSE = 120;
/** So long Enter waits for a reading; then the words alone are the task. */
const PATIENCE = 1_500;

class AddTask extends HTMLElement {
  #title;
  #mirror = make("div", { class: "mirror", "aria-hidden": "true" });
  #chips = make("div", { class: "chips", role: "group", "aria-label": "What was read", hidden: true });
  #said = make("p", { class: "whisper", role: "status" });
  #left = make("div", { class: "left" });
  #more;
  #off = new Set();
  #turn = 0;
  /** The last reading, and its text. */
  #read = { text: "", reading: null };

  connectedCallback() {
    this.#title = make("input", {
      class: "words",
      placeholder: "Add a task",
      "aria-label": "Add a task",
      "aria-describedby": "typed",
      dir: "auto",
      maxlength: 400,
      autocomplete: "off",
      enterkeyhint: "done",
    });
    this.#said.id = "typed";
    const day = make("input", { type: "date", "aria-label": "Due date" });
    const time = makeTimeField({ "aria-label": "Due time" });
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
    const unfold = makeButton("Date", () => this.#unfold(), {
      class: "quiet unfold",
      "aria-expanded": "false",
      title: "Pick a day, a time and a reminder instead of writing them",
    });
    const words = make("div", { class: "typed" }, this.#mirror, this.#title, unfold);
    const form = make(
      "form",
      { class: "add" },
      make("span", { class: "plus", "aria-hidden": "true" }, "+"),
      words,
      this.#chips,
      this.#more,
      this.#said,
    );
    form.addEventListener("input", (event) => {
      if (event.target === this.#title) this.#look(PAUSE);
      if (time.value && !day.value) day.value = state.today;
      reminder.disabled = !day.value;
      const due = time.value && time.validity.valid ? `${day.value}T${time.value}` : day.value;
      // What could only be refused is not there to be chosen.
      for (const choice of reminder.options) choice.disabled = Boolean(day.value && choice.value && isOver(due, choice.value));
      if (reminder.disabled || reminder.selectedOptions[0]?.disabled) reminder.value = "";
    });
    this.#title.addEventListener("scroll", () => (this.#mirror.scrollLeft = this.#title.scrollLeft));
    this.#title.addEventListener("paste", (event) => this.#paste(event));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const text = this.#title.value;
      if (!text.trim()) return;
      const picked = {};
      if (day.value) picked.due = time.value ? `${day.value}T${time.value}` : day.value;
      if (day.value && reminder.value) picked.reminders = [{ before: reminder.value }];
      const off = this.#off;
      const read = this.#read;
      // The line is free at once: text typed before the answer arrives is the next task.
      form.reset();
      reminder.disabled = true;
      this.#off = new Set();
      this.#draw("", null);
      this.#title.focus();
      const reading = read.text === text ? read.reading : await this.#ask(text);
      this.#save({ ...this.#place(), ...writeFields(text, reading, off), ...picked }, text);
    });
    form.addEventListener("keydown", (event) => {
      if (isComposing(event)) {
        if (event.key === "Enter") event.preventDefault();
        return;
      }
      if (event.key === "Escape") this.#escape();
    });
    this.append(this.#left, form);
  }

  /** Several lines are several tasks, if the person says so. */
  #paste(event) {
    const lines = cutLines(event.clipboardData?.getData("text/plain") ?? "");
    if (lines.length < 2) return;
    event.preventDefault();
    const write = (text) => {
      this.#title.focus();
      if (text === null) return;
      this.#title.setRangeText(text, this.#title.selectionStart, this.#title.selectionEnd, "end");
      this.#look(0);
    };
    this.#left.querySelector(".pasted")?.remove();
    askForLines(lines, { box: this.#left, place: this.#place(), write });
  }

  /** Return the list that a new task goes to where its line names none. */
  #place() {
    const place = readPlace();
    const list = place.name === "list" && listLists().find((each) => each.id === place.list);
    return list ? { list: list.name } : {};
  }

  async #save(fields, text) {
    const made = await add(fields);
    if (made) {
      // It comes into sight, wherever the list puts it.
      requestAnimationFrame(() => document.querySelector("task-list").glow(made));
      return;
    }
    // Words are never lost: they stay here until they are saved or put away.
    const row = make(
      "p",
      { class: "unsaved" },
      make("span", {}, "not saved: ", quote(text)),
      makeButton("Try again", () => (row.remove(), this.#save(fields, text)), { class: "quiet" }),
      makeButton("×", () => row.remove(), { class: "quiet", "aria-label": `Put away: ${text}` }),
    );
    this.#left.append(row);
  }

  #ask(text) {
    if (!state.connected) return null;
    return Promise.race([readTyped(text), new Promise((resolve) => setTimeout(resolve, PATIENCE, null))]);
  }

  async #look(pause) {
    const turn = ++this.#turn;
    const text = this.#title.value;
    if (!text.trim()) {
      this.#off = new Set();
      return this.#draw("", null);
    }
    this.#underline(text, this.#read.reading);
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (turn !== this.#turn) return;
    const reading = state.connected ? await readTyped(text) : null;
    if (turn === this.#turn) this.#draw(text, reading);
  }

  #draw(text, reading) {
    this.#turn += 1;
    this.#read = { text, reading };
    const spans = reading?.spans ?? [];
    const kept = spans.filter((span) => !this.#off.has(nameSpan(span)));
    const chips = kept.map((span) => this.#chip(span, reading));
    this.#chips.replaceChildren(...chips);
    this.#chips.hidden = !chips.length;
    this.#underline(text, reading);
    this.#said.textContent = kept.map((span) => span.reason ?? sayPart(span, reading)).join(", ");
  }

  /** Underline the words that look like a time and were not understood. */
  #underline(text, reading) {
    const marks = Array.from(text);
    const unread = (reading?.spans ?? []).filter(
      (span) => span.field === "unread" && marks.slice(span.from, span.to).join("") === span.text,
    );
    const pieces = [];
    let end = 0;
    for (const { from, to } of unread) {
      pieces.push(marks.slice(end, from).join(""), make("u", {}, marks.slice(from, to).join("")));
      end = to;
    }
    this.#mirror.replaceChildren(...(unread.length ? [...pieces, marks.slice(end).join("")] : []));
    this.#mirror.scrollLeft = this.#title.scrollLeft;
    this.#title.title = unread.map((span) => span.reason).join(" ");
  }

  #chip(span, reading) {
    if (span.field === "unread") {
      return make("span", { class: "chip unread", title: span.reason }, make("u", {}, quote(span.text)), " stays in the title");
    }
    const said = sayPart(span, reading);
    const sign = span.field === "rule" ? drawSign("again") : span.field === "reminders" ? drawSign("bell") : null;
    const off = () => {
      this.#off.add(nameSpan(span));
      this.#draw(this.#read.text, this.#read.reading);
      this.#title.focus();
    };
    const dates = span.field === "rule" && reading.occurrences?.map((each) => each.due_text).join("\n");
    const names = { class: "chip", "aria-label": `Take off: ${said}`, title: dates || "Take it off: it stays in the title" };
    return make("button", { type: "button", click: off, ...names }, sign, quote(said), make("i", {}, "×"));
  }

  #unfold(wanted = this.#more.hidden) {
    this.#more.hidden = !wanted;
    this.querySelector(".unfold").setAttribute("aria-expanded", String(wanted));
    if (wanted) this.#more.querySelector("input").focus();
    // What is half written there would hold the line up, and nobody would see why.
    else for (const field of this.#more.querySelectorAll("input:invalid")) field.value = "";
  }

  /** First the fields close, then the words go, then the keys. */
  #escape() {
    if (!this.#more.hidden) {
      this.#unfold(false);
      this.#title.focus();
    } else this.#title.blur();
  }

  /** Put words into the line, to be read and added. */
  write(words) {
    this.#title.value = words;
    this.#look(0);
    this.reach();
  }

  /** Bring the keys here. */
  reach() {
    this.#title.focus();
  }
}

/** Return in words what a part of a line was read as. */
function sayPart(span, reading) {
  if (span.field === "rule") return reading.rule_text ?? span.text;
  if (span.field === "due") return sayShort(reading.due, state.today);
  if (span.field === "start") return `from ${sayShort(reading.start, state.today)}`;
  if (span.field === "tags") return `#${span.value}`;
  if (span.field === "priority") return `${span.value} priority`;
  if (span.field === "reminders") {
    return span.value.map((each) => (each.includes("T") ? sayShort(each, state.today) : sayLead(each))).join(", ");
  }
  return String(span.value ?? span.text);
}

customElements.define("add-task", AddTask);
