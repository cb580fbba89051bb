// One task beside the list: everything that it holds, each part edited in its place.
import { edit, remove, toggle } from "../data/actions.js";
import { call } from "../data/service.js";
import { arrange, isComposing, isWriting, make, makeButton } from "../text/elements.js";
import { state } from "../data/state.js";
import { drawHistory } from "./task-history.js";
import { TaskNotes } from "./task-notes.js";
import { drawDue, drawMarks, drawReminders, drawStart } from "./task-fields.js";
import { drawRepeats } from "./task-repeats.js";
import { drawSteps } from "./task-steps.js";

const LEAST = 42;

class TaskDetail extends HTMLElement {
  #id = null;
  #task = null;
  #back = null;
  #turn = 0;
  #parts = new Map();
  #looks = new Map();
  #notes = new TaskNotes();
  #version = "";
  /** Whether the task was in the list when it was last looked for. */
  #listed = false;
  /** What the service said beside the task: its history, and the next dates of its series. */
  #more = { history: null, cut: false, occurrences: [], steps: [] };

  connectedCallback() {
    this.hidden = true;
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Task");
    this.tabIndex = -1;
    state.addEventListener("change", () => this.#id && this.#draw());
    this.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented || isComposing(event)) return;
      event.preventDefault();
      event.stopPropagation();
      if (isWriting(event.target) && !event.target.matches("select")) {
        // A line gives its words back first. A note may be long: it is kept, and can be taken back like all changes.
        if (!event.target.matches("textarea")) {
          event.target.value = event.target.dataset.before ?? event.target.defaultValue;
          event.target.dataset.left = "yes";
        }
        this.querySelector(".close").focus();
      } else this.close();
    });
  }

  get task() {
    return this.#task;
  }

  /** Open a task; the keys go there, to no field: a letter is a key, and E writes its title. */
  async open(taskId, { quietly = false } = {}) {
    if (!this.contains(document.activeElement)) this.#back = document.activeElement;
    if (this.#id !== taskId) {
      this.#parts.clear();
      this.#looks.clear();
      this.#notes = new TaskNotes();
      this.#version = "";
      this.#listed = false;
      this.#task = null;
      this.#more = { history: null, cut: false, occurrences: [], steps: [] };
      this.replaceChildren();
    }
    this.#id = taskId;
    this.hidden = false;
    document.body.classList.add("detailed");
    this.#draw();
    if (!this.#task) await this.#ask();
    if (!quietly) this.focus({ preventScroll: true });
  }

  /** Close it; the keys go back to where they were. */
  close() {
    if (!this.#id) return;
    this.querySelector(":focus")?.blur();
    const taskId = this.#id;
    this.#id = null;
    state.opened = null;
    this.hidden = true;
    document.body.classList.remove("detailed");
    state.show();
    const row = document.querySelector(`task-row[data-id="${CSS.escape(taskId)}"]`);
    if (row?.checkVisibility()) row.reach();
    else if (this.#back?.isConnected) this.#back.focus();
  }

  /** Ask the service for the task with its history, and for the next dates of its series. */
  async #ask() {
    const turn = ++this.#turn;
    try {
      const task = await call("GET", `/api/tasks/${this.#id}?include=history`);
      const seriesId = task.kind === "recurring" ? task.id : task.recurring_id;
      const [series, steps] = await Promise.all([
        seriesId ? call("GET", `/api/tasks/${seriesId}?include=occurrences`).catch(() => null) : null,
        task.subtasks?.total ? call("GET", `/api/tasks?parent_id=${task.id}&status=all&limit=50`) : null,
      ]);
      if (turn !== this.#turn) return;
      this.#more = {
        history: task.history ?? [],
        cut: task.history_cut ?? false,
        occurrences: series?.occurrences ?? [],
        series,
        steps: steps?.tasks ?? [],
      };
      const { history: _, occurrences: __, ...plain } = task;
      this.#task ??= plain;
      this.#more.task = plain;
      this.#draw();
    } catch (problem) {
      if (turn !== this.#turn) return;
      if (problem.status === 404) this.#say("This task has been deleted. Undo (z) brings it back.");
      else this.#say(problem.message);
    }
  }

  /** Return a task with its notes in full: lists cut long ones; null until they are there. */
  #readWhole(task) {
    if (!task.notes_cut) return task;
    const { task: read } = this.#more;
    return read?.id === task.id && read.version >= task.version ? read : null;
  }

  /** A task that is gone gives its place to the next one of its series; else say so. Returns whether it is gone. */
  #lose() {
    this.#listed = false;
    const series = this.#task?.recurring_id;
    const next = series && state.tasks.find((task) => task.recurring_id === series && task.status === "open");
    if (next) {
      state.opened = next.id;
      this.open(next.id, { quietly: true });
    } else this.#say("This task is not there any more. Undo (z) brings it back.");
    return true;
  }

  #say(text) {
    this.replaceChildren(this.#closer(), make("p", { class: "fact" }, text));
    this.#parts.clear();
    this.#looks.clear();
    this.#more = { ...this.#more, task: null };
    this.#version = "";
  }

  #draw() {
    const listed = state.find(this.#id);
    if (!listed && this.#listed && this.#lose()) return;
    const known = listed ?? (this.#more.task && state.view([this.#more.task])[0]);
    if (!known) return;
    this.#listed = Boolean(listed);
    this.#task = known;
    const { title } = known;
    this.setAttribute("aria-label", `Task: ${title}`);
    const version = `${known.id} ${known.version} ${state.changes[0]?.change_id} ${known.subtasks?.total}`;
    if (version !== this.#version && !known.waiting) {
      this.#version = version;
      this.#ask();
    }
    const isSeries = known.kind === "recurring";
    const series = state.series.find((each) => each.id === known.recurring_id) ?? this.#more.series;
    const parts = [
      this.#part("head", [known.status, title], () => this.#head()),
      !isSeries && this.#part("due", [known.due, known.due_local, state.today], () => drawDue(known)),
      !isSeries && this.#part("start", [known.start], () => drawStart(known)),
      !isSeries && this.#part("reminders", [known.reminders, known.due, state.today], () => drawReminders(known)),
      this.#part("repeats", [known.recurring_id, series?.recurrence, this.#more.occurrences, known.due], () =>
        drawRepeats(known, isSeries ? known : series, this.#more.occurrences),
      ),
      this.#part("marks", [known.tags, known.priority, known.list, state.lists], () => drawMarks(known)),
      !isSeries &&
        this.#part("steps", [known.subtasks, this.#more.steps, series?.recurrence?.subtasks], () =>
          drawSteps(known, this.#more.steps, series),
        ),
      this.#notes.draw(this.#readWhole(known) ?? known, Boolean(this.#readWhole(known))),
      this.#part("history", [this.#more.history], () => drawHistory(known, this.#more, () => this.#ask())),
      !isSeries && this.#part("end", [], () => this.#end()),
    ];
    arrange(this, parts.filter(Boolean));
    if (parts[0].querySelector(".name")) grow(parts[0].querySelector(".name"));
  }

  /** Return a part; it is built again when what it shows has changed, but not under the fingers of a writer. */
  #part(name, shown, build) {
    const looks = JSON.stringify(shown);
    const known = this.#parts.get(name);
    const focused = known?.contains(document.activeElement) ? document.activeElement : null;
    const isTouched = focused && isWriting(focused) && !focused.matches(".fresh");
    if (known && (looks === this.#looks.get(name) || isTouched)) return known;
    const part = build();
    this.#parts.set(name, part);
    this.#looks.set(name, looks);
    if (known) carryWords(known, part);
    if (focused) {
      known.replaceWith(part);
      findSame(focused, known, part)?.focus({ preventScroll: true });
    }
    return part;
  }

  #closer() {
    return makeButton("×", () => this.close(), { class: "quiet close", "aria-label": "Close the task", title: "Close (Esc)" });
  }

  #end() {
    const drop = () => {
      const task = this.#task;
      this.close();
      remove(task);
    };
    return make("section", { class: "field", "aria-label": "End" }, makeButton("Delete the task", drop, { class: "quiet danger" }));
  }

  #head() {
    const task = this.#task;
    const done = task.status === "completed";
    const names = { class: "circle", type: "button", role: "checkbox", "aria-checked": String(done) };
    const circle = make("button", { ...names, "aria-label": `Done: ${task.title}`, click: () => toggle(this.#task) });
    const field = make("textarea", { class: "name", "aria-label": "Title", rows: 1, maxlength: 200, dir: "auto" });
    field.value = task.title;
    field.dataset.before = task.title;
    // What others change while it is written counts as a conflict, so the version is that of the first letter.
    let held = task;
    field.addEventListener("focus", () => (held = this.#task));
    field.addEventListener("input", () => grow(field));
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || isComposing(event)) return;
      event.preventDefault();
      field.blur();
    });
    field.addEventListener("blur", async () => {
      const title = field.value.replace(/\s+/g, " ").trim();
      const before = field.dataset.before;
      if (field.dataset.left || !title || title === before) {
        delete field.dataset.left;
        field.value = before;
        return;
      }
      field.dataset.before = title;
      if (await edit(held, { title })) return;
      state.say(`${state.said?.text ?? ""} You wrote: “${title}”.`.trim(), true);
    });
    const isSeries = task.kind === "recurring";
    return make("div", { class: "top" }, isSeries ? null : circle, field, this.#closer());
  }
}

const KEYED = "button, input, select";

/** Return what stands in a part that is built again for what had the keys in the one before. */
function findSame(focused, before, after) {
  const name = focused.getAttribute("aria-label");
  const named = name && after.querySelector(`[aria-label="${CSS.escape(name)}"]`);
  return named || [...after.querySelectorAll(KEYED)][[...before.querySelectorAll(KEYED)].indexOf(focused)];
}

/** Let the words go along that stand in the field for something new. */
function carryWords(before, after) {
  const [from, to] = [before, after].map((part) => part.querySelector("input.fresh"));
  if (!from?.value || !to) return;
  to.value = from.value;
}

/** Let a field be as high as its words. */
export function grow(field) {
  field.style.height = "auto";
  field.style.height = `${Math.max(field.scrollHeight, LEAST)}px`;
}

customElements.define("task-detail", TaskDetail);
