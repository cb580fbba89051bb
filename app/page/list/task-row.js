// One task in one line: circle, title, and its main facts muted on the right.
import { edit, toggle } from "../data/actions.js";
import { drawSign, isComposing, make, quote, whisper } from "../text/elements.js";
import { isLate, isWaiting, readPlace } from "../data/places.js";
import { state } from "../data/state.js";
import { closeTask, openTask } from "../data/opening.js";
import { choose } from "./chosen-bar.js";
import { linkText } from "../text/links.js";
import { openMenu } from "./task-menu.js";
import { localDue, sayShort, toLocal } from "../text/when.js";

class TaskRow extends HTMLElement {
  /** The task's id. */
  key = "";
  #task = null;
  #drawn = "";
  #editing = false;
  /** Returns the words of a title that is being written, if they differ. */
  #written = () => "";
  /** The words of an edit that was refused: the next edit begins with them. */
  #draft = null;
  #shown = null;
  #stops = false;

  constructor() {
    super();
    this.addEventListener("click", (event) => this.#click(event));
    this.addEventListener("keydown", (event) => this.#press(event));
    this.addEventListener("keydown", (event) => !this.#editing && walkRow(this, event));
  }

  /** A click opens the task, two edit its title; with Shift or Ctrl, or while others are chosen, it chooses the task. */
  #click(event) {
    if (event.defaultPrevented || this.#editing || this.#task.unsent) return;
    if (event.shiftKey || event.ctrlKey || event.metaKey) {
      event.preventDefault();
      choose(this.#task.id, event.shiftKey);
    } else if (event.target.closest("button:not(.title), input, a")) return;
    else if (state.chosen.size) choose(this.#task.id);
    else if (event.detail === 2) {
      closeTask();
      this.edit();
    } else openTask(this.#task.id);
  }

  /** On the circle Enter opens and Space ticks, once however long they are held. */
  #press(event) {
    if (!["Enter", " "].includes(event.key) || !event.target.matches("button.circle") || isComposing(event)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat) return;
    if (event.key === "Enter") openTask(this.#task.id);
    else toggle(this.#task);
  }

  /** Whether Tab stops here, as at one row of each list. */
  set stops(wanted) {
    this.#stops = wanted;
    this.querySelector("button.circle")?.setAttribute("tabindex", wanted ? "0" : "-1");
  }

  get stops() {
    return this.#stops;
  }

  /** Show a task in a section; the same again changes nothing. */
  show(task, section) {
    const same = this.#task === task;
    this.#task = task;
    const reverted = state.reverted.has(task.id);
    const marks = [reverted, state.chosen.has(task.id), state.opened === task.id].join();
    const around = [section, marks, state.today, state.me.zone].join();
    if (same && around === this.#shown) return;
    const looks = JSON.stringify([task, around]);
    if (!this.#editing) this.#shown = around;
    if (looks === this.#drawn || this.#editing) return;
    this.#drawn = looks;
    const had = this.contains(document.activeElement) ? document.activeElement.className : null;
    this.key = this.dataset.id = task.id;
    this.setAttribute("role", "listitem");
    const states = [task.waiting && "waiting", reverted && "reverted", task.status];
    if (state.chosen.has(task.id)) states.push("chosen");
    if (state.opened === task.id) states.push("opened");
    this.className = ["row", ...states].filter(Boolean).join(" ");
    this.replaceChildren(this.#makeCircle(), this.#makeTitle(), this.#makeFacts(section), this.#makeMore(), this.#makeLine());
    if (had) this.querySelector(`.${had.split(" ")[0]}`)?.focus({ preventScroll: true });
  }

  get task() {
    return this.#task;
  }

  #makeCircle() {
    const done = this.#task.status === "completed";
    if (this.#task.unsent) return make("span", { class: "circle", role: "img", "aria-label": "Waits for the service" });
    const tabindex = this.#stops ? "0" : "-1";
    const names = { class: "circle", type: "button", role: "checkbox", "aria-checked": String(done), tabindex };
    const click = (event) => {
      if (event.shiftKey || event.ctrlKey || event.metaKey) return;
      // Only the first of two quick clicks is for this row.
      event.preventDefault();
      const rests = event.detail > 0 && event.pointerType !== "touch";
      if (rests) rest(this);
      toggle(this.#task, { rests });
    };
    const chosen = state.chosen.has(this.#task.id) ? ", chosen" : "";
    return make("button", { ...names, "aria-label": `Done: ${this.#task.title}${chosen}`, click });
  }

  #makeTitle() {
    if (this.#task.unsent) return make("span", { class: "title" }, quote(this.#task.title));
    const names = { class: "title", type: "button", tabindex: "-1", "aria-label": `${this.#task.title}, open` };
    const title = make("button", names, quote(this.#task.title));
    if (!this.#task.notes) return title;
    title.setAttribute("title", this.#task.notes);
    return title;
  }

  #makeFacts(section) {
    const task = this.#task;
    const facts = make("span", { class: "facts" });
    const link = linkText(task.title).find((each) => each.href);
    if (link) facts.append(make("a", { ...readAttributes(link), class: "link", tabindex: "-1" }, `${link.hostname} ↗`));
    if (task.parent) facts.append(make("span", { class: "of" }, whisper("part of "), quote(task.parent.title)));
    const { open, total } = task.subtasks ?? {};
    if (total) facts.append(make("span", { class: "steps" }, `${total - open}/${total}`, whisper(" subtasks done")));
    if (task.list && readPlace().name !== "list") {
      facts.append(make("span", { class: "in" }, whisper("in "), quote(task.list.name)));
    }
    if (task.start && (section === "Not yet" || !task.due)) {
      const start = sayShort(task.start_local ?? localDue(task.start, state.me.zone), state.today);
      // In the column of its own day the day is not said again.
      const ahead = section === "Day" ? `starts ${(task.start_local ?? "").slice(11, 16)}`.trim() : `from ${start}`;
      facts.append(make("span", { class: "from" }, isWaiting(task) ? ahead : `since ${start}`));
    }
    if (task.priority !== "none") {
      facts.append(make("span", { class: `priority ${task.priority}` }, task.priority, whisper(" priority")));
    }
    for (const tag of task.tags ?? []) facts.append(make("span", { class: "tag" }, quote(`#${tag}`)));
    if (task.rule_text) {
      const words = { class: "rule", title: task.rule_text };
      // The time that stands beside it is not said twice.
      const time = task.due_local?.slice(11, 16);
      const rule = time && section !== "Overdue" ? task.rule_text.replace(` at ${time}`, "") : task.rule_text;
      facts.append(make("span", words, drawSign("again"), whisper("repeats "), make("span", {}, rule)));
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
      sayHere(task.due_local ?? task.due, section),
    );
    if (!short.textContent) return whisper(`due ${exact}`);
    const late = isLate(task) ? " late" : "";
    return make("time", { class: `due${late}`, datetime: task.due, title: exact }, short, whisper(`due ${exact}`));
  }

  /** Show the line of the notes that was found, if the title has not all of the words. */
  #makeLine() {
    const { line } = this.#task;
    return line ? make("p", { class: "found-line" }, quote(line)) : "";
  }

  #makeMore() {
    if (this.#task.unsent) return "";
    const icon = drawSign("dots");
    const name = `More for ${this.#task.title}`;
    const names = { class: "more", type: "button", tabindex: "-1", "aria-label": name, title: "Open, rename, move, remind, repeat, delete" };
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
    // The keys go back to where they came from: by a click the title, by E the circle.
    const back = document.activeElement?.matches(".circle") ? ".circle" : ".title";
    // It has the whole row, and grows with its words.
    const field = make("textarea", { class: "title", dir: "auto", maxlength: 200, rows: 1, "aria-label": "Title" });
    field.value = this.#draft ?? task.title;
    const fit = () => {
      field.style.height = "auto";
      field.style.height = `${field.scrollHeight}px`;
    };
    field.addEventListener("input", fit);
    this.#written = () => (field.value.trim() === task.title ? "" : field.value.trim());
    const end = (keep) => {
      if (!this.#editing) return;
      this.#editing = false;
      const focused = document.activeElement === field;
      const title = field.value.replace(/\s+/g, " ").trim();
      this.#drawn = "";
      this.classList.remove("editing");
      field.replaceWith(this.#makeTitle());
      if (focused) this.querySelector(back).focus();
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
    this.classList.add("editing");
    fit();
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

/** The pointer rests on a row whose circle it has just pressed: until it moves, nothing that comes under it looks ticked. */
function rest(row) {
  const move = ({ target }) => {
    document.body.classList.remove("still");
    if (row.isConnected && row.contains(target)) return;
    removeEventListener("pointermove", move);
    state.leave(row.key);
  };
  document.body.classList.add("still");
  addEventListener("pointermove", move);
}

/** Left and right go through a row's buttons: the list is one stop for Tab, and each row has its parts. */
export function walkRow(row, event) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
  const parts = [...row.querySelectorAll("button, a")];
  const next = parts[parts.indexOf(document.activeElement) + by];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** Return a due in the words that its section leaves to say: under its own day, the time alone. */
function sayHere(local, section) {
  if (section === "Day") return local.slice(11, 16);
  const plain = section === "Today" && local.slice(0, 10) === state.today;
  return plain ? local.slice(11, 16) : sayShort(local, state.today);
}

/** Return what a link needs. */
function readAttributes(link) {
  return Object.fromEntries(["href", "target", "rel"].map((name) => [name, link.getAttribute(name)]));
}

function nextReminder(task) {
  const ahead = (task.reminders ?? []).filter((reminder) => reminder.status === "scheduled");
  return ahead.sort((one, other) => Date.parse(one.remind_at) - Date.parse(other.remind_at))[0];
}

customElements.define("task-row", TaskRow);
