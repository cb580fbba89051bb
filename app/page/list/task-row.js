// One task in one line: circle, title, and its main facts muted on the right.
import { edit, toggle } from "../data/actions.js";
import { drawSign, isComposing, make, quote, whisper } from "../text/elements.js";
import { state } from "../data/state.js";
import { openMenu } from "./task-menu.js";
import { sayShort, toLocal } from "../text/when.js";

class TaskRow extends HTMLElement {
  #task = null;
  #drawn = "";
  #editing = false;
  /** The words of an edit that was refused: the next edit begins with them. */
  #draft = null;

  /** Show a task in a section; the same again changes nothing. */
  show(task, section) {
    this.#task = task;
    const reverted = state.reverted.has(task.id);
    const looks = JSON.stringify([task, section, reverted, state.today, state.me.zone]);
    if (looks === this.#drawn || this.#editing) return;
    this.#drawn = looks;
    const had = this.contains(document.activeElement) ? document.activeElement.className : null;
    this.dataset.id = task.id;
    this.setAttribute("role", "listitem");
    this.className = ["row", task.waiting && "waiting", reverted && "reverted", task.status].filter(Boolean).join(" ");
    this.replaceChildren(this.#makeCircle(), this.#makeTitle(), this.#makeFacts(section), this.#makeMore());
    if (had) this.querySelector(`.${had.split(" ")[0]}`)?.focus({ preventScroll: true });
  }

  get task() {
    return this.#task;
  }

  #makeCircle() {
    const done = this.#task.status === "completed";
    if (this.#task.unsent) return make("span", { class: "circle", role: "img", "aria-label": "Waits for the service" });
    const names = { class: "circle", type: "button", role: "checkbox", "aria-checked": String(done) };
    return make("button", { ...names, "aria-label": `Done: ${this.#task.title}`, click: () => toggle(this.#task) });
  }

  #makeTitle() {
    if (this.#task.unsent) return make("span", { class: "title" }, quote(this.#task.title));
    const click = () => this.edit();
    const names = { class: "title", type: "button", "aria-label": `${this.#task.title}, edit` };
    const title = make("button", { ...names, click }, quote(this.#task.title));
    if (!this.#task.notes) return title;
    title.setAttribute("title", this.#task.notes);
    return title;
  }

  #makeFacts(section) {
    const task = this.#task;
    const facts = make("span", { class: "facts" });
    if (task.priority !== "none") {
      facts.append(make("span", { class: `priority ${task.priority}` }, task.priority, whisper(" priority")));
    }
    for (const tag of task.tags ?? []) facts.append(make("span", { class: "tag" }, quote(`#${tag}`)));
    if (task.rule_text) {
      const words = { class: "rule", title: task.rule_text };
      facts.append(make("span", words, drawSign("again"), whisper("repeats "), make("span", {}, task.rule_text)));
    }
    const next = nextReminder(task);
    if (next) {
      const local = toLocal(next.remind_at, state.me.zone);
      const sameDay = task.due_local?.slice(0, 10) === local.slice(0, 10);
      const short = sayShort(local, sameDay ? local.slice(0, 10) : state.today, { plain: true });
      facts.append(
        make(
          "span",
          { class: "bell", title: `Reminder ${local.replace("T", " ")}` },
          drawSign("bell"),
          whisper("reminder "),
          short,
        ),
      );
    }
    if (task.due) facts.append(this.#makeDue(section));
    return facts;
  }

  #makeDue(section) {
    const task = this.#task;
    const exact = task.due_text ?? task.due;
    const short = make(
      "span",
      { "aria-hidden": "true" },
      sayShort(task.due_local ?? task.due, state.today, { plain: section === "Today" }),
    );
    const late = section === "Overdue" ? " late" : "";
    return make("time", { class: `due${late}`, datetime: task.due, title: exact }, short, whisper(`due ${exact}`));
  }

  #makeMore() {
    if (this.#task.unsent) return "";
    const icon = drawSign("dots");
    const name = `More for ${this.#task.title}`;
    const names = { class: "more", type: "button", "aria-label": name, title: "Move, remind, repeat, delete" };
    return make(
      "button",
      { ...names, "aria-haspopup": "dialog", click: (event) => openMenu(this.#task, event.currentTarget) },
      icon,
    );
  }

  /** Edit the title in place. */
  edit() {
    if (this.#editing) return;
    this.#editing = true;
    const task = this.#task;
    const again = this.#draft !== null;
    const field = make("input", {
      class: "title",
      dir: "auto",
      maxlength: 200,
      "aria-label": "Title",
      value: this.#draft ?? task.title,
    });
    const end = (keep) => {
      if (!this.#editing) return;
      this.#editing = false;
      const focused = document.activeElement === field;
      const title = field.value.trim();
      this.#drawn = "";
      field.replaceWith(this.#makeTitle());
      if (focused) this.querySelector(".title").focus();
      this.#draft = null;
      // After a refusal the person knows what others have changed: then the newest version counts.
      if (keep && title && title !== task.title) this.#save(again ? this.#task : task, title);
      else state.show();
    };
    field.addEventListener("keydown", (event) => {
      if (isComposing(event)) return;
      if (event.key === "Enter") end(true);
      if (event.key === "Escape") end(false);
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.stopPropagation();
      // Else the same key would press the button that has just come back.
      event.preventDefault();
    });
    field.addEventListener("blur", () => end(true));
    this.querySelector(".title").replaceWith(field);
    field.focus();
    field.select();
  }

  async #save(task, title) {
    if (await edit(task, { title })) return;
    this.#draft = title;
    state.say(`${state.said?.text ?? ""} You wrote: “${title}”.`.trim(), true);
  }

  /** Bring the row into sight and the keys to it. */
  reach() {
    this.querySelector(".circle").focus();
    this.scrollIntoView({ block: "nearest" });
  }
}

function nextReminder(task) {
  const ahead = (task.reminders ?? []).filter((reminder) => reminder.status === "scheduled");
  return ahead.sort((one, other) => Date.parse(one.remind_at) - Date.parse(other.remind_at))[0];
}

customElements.define("task-row", TaskRow);
