// Several tasks at once: what would happen is one sentence before it happens, and one undo after.
import { applyPlan, plan } from "../data/actions.js";
import { make, makeButton } from "../text/elements.js";
import { state } from "../data/state.js";
import { addDays, nextMonday, sayHeading } from "../text/when.js";

const MOST = 100;
let anchor = null;

/** Choose a task or let it go; with `reaching` all rows from the last chosen one to it. */
export function choose(taskId, reaching = false) {
  const rows = [...document.querySelectorAll("task-list task-row")].filter((row) => row.checkVisibility());
  const ids = rows.map((row) => row.dataset.id);
  const [from, to] = [ids.indexOf(anchor), ids.indexOf(taskId)].sort((one, other) => one - other);
  if (reaching && from >= 0) ids.slice(from, to + 1).forEach((id) => state.chosen.add(id));
  else if (state.chosen.has(taskId)) state.chosen.delete(taskId);
  else state.chosen.add(taskId);
  anchor = taskId;
  state.show();
}

/** Let all go. */
export function chooseNone() {
  state.chosen.clear();
  anchor = null;
  state.show();
}

class ChosenBar extends HTMLElement {
  #said = make("p", { role: "status" });
  #deeds = make("div", { class: "acts", role: "group", "aria-label": "For all that are chosen" });
  #planned = null;
  #drawn = "";

  connectedCallback() {
    this.append(this.#said, this.#deeds);
    state.addEventListener("change", () => this.#draw());
  }

  get #tasks() {
    return [...state.chosen].map((id) => state.find(id)).filter((task) => task && !task.unsent);
  }

  #draw() {
    const tasks = this.#tasks;
    this.hidden = !tasks.length;
    const looks = `${state.today} ${tasks.map((task) => task.id).join()}`;
    if (looks === this.#drawn) return;
    this.#drawn = looks;
    this.#planned = null;
    const { today } = state;
    const on = (tool, more) => (task) => ({ tool, arguments: { task_id: task.id, ...more } });
    const move = (date) => (task) => {
      const time = task.due_local?.slice(11, 16);
      return { tool: "update_task", arguments: { task_id: task.id, due: time ? `${date}T${time}` : date } };
    };
    const level = make(
      "select",
      { "aria-label": "Priority for all" },
      make("option", { value: "" }, "Priority"),
      ...["none", "low", "medium", "high"].map((name) => make("option", { value: name }, name)),
    );
    level.addEventListener("change", () => {
      const deed = `Set the priority to ${level.value}`;
      if (level.value) this.#ask(on("update_task", { priority: level.value }), deed);
    });
    this.#said.textContent = `${tasks.length} chosen`;
    this.#deeds.replaceChildren(
      makeButton("Complete", () => this.#ask(on("complete_task"), "Complete"), { class: "quiet" }),
      makeButton("Today", () => this.#ask(move(today), "Move to today"), { class: "quiet", title: sayHeading(today) }),
      makeButton("Tomorrow", () => this.#ask(move(addDays(today, 1)), "Move to tomorrow"), { class: "quiet" }),
      makeButton("Next week", () => this.#ask(move(nextMonday(today)), `Move to ${sayHeading(nextMonday(today))}`), {
        class: "quiet",
      }),
      makeButton("No date", () => this.#ask(on("update_task", { clear: ["due"] }), "Take the date off"), {
        class: "quiet",
      }),
      level,
      makeButton("Delete", () => this.#ask(on("delete_task"), "Delete"), { class: "quiet danger" }),
      makeButton("×", chooseNone, { class: "quiet", "aria-label": "Let all go", title: "Let all go (Esc)" }),
    );
  }

  /** Say in one sentence what would happen, and wait for the word. */
  async #ask(step, deed) {
    const tasks = this.#tasks;
    if (tasks.length > MOST) {
      state.say(`${tasks.length} tasks are chosen; at most ${MOST} change at once.`, true);
      return;
    }
    const planned = await plan(tasks.map(step));
    if (!planned) return;
    if (!planned.plan_id) {
      state.say("Nothing would change.");
      return;
    }
    this.#planned = planned;
    const titles = tasks.slice(0, 3).map((task) => `“${task.title}”`);
    const rest = tasks.length > titles.length ? ` and ${tasks.length - titles.length} more` : "";
    const warned = (planned.warnings ?? []).join(" ");
    this.#said.textContent = `${deed}: ${titles.join(", ")}${rest}? ${warned}`.trim();
    const yes = makeButton("Do it", () => this.#apply());
    const no = makeButton("Leave it", () => {
      this.#drawn = "";
      this.#draw();
    });
    this.#deeds.replaceChildren(yes, no);
    yes.focus();
  }

  async #apply() {
    for (const button of this.#deeds.querySelectorAll("button")) button.disabled = true;
    const count = this.#tasks.length;
    if (await applyPlan(this.#planned)) {
      chooseNone();
      if (!state.said) state.say(`${count} ${count > 1 ? "tasks are" : "task is"} changed. One undo (z) takes it back.`);
    } else {
      this.#drawn = "";
      this.#draw();
    }
    document.querySelector("task-list").step(0);
  }
}

customElements.define("chosen-bar", ChosenBar);
