// Several tasks at once: what would happen is one sentence before it happens, and one undo after.
import { applyPlan, plan } from "../data/actions.js";
import { listLists } from "../data/places.js";
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

/** Choose several tasks beside those that are chosen. */
export function chooseAll(taskIds) {
  taskIds.forEach((id) => state.chosen.add(id));
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
  #none = makeButton("×", chooseNone, { class: "quiet", "aria-label": "Let all go", title: "Let all go (Esc)" });
  #planned = null;
  #drawn = "";

  connectedCallback() {
    this.append(this.#said, this.#none, this.#deeds);
    state.addEventListener("change", () => this.#draw());
  }

  get #tasks() {
    return [...state.chosen].map((id) => state.find(id)).filter((task) => task && !task.unsent);
  }

  #draw() {
    const tasks = this.#tasks;
    this.hidden = !tasks.length;
    const lists = listLists();
    const looks = JSON.stringify([state.today, tasks.map((task) => task.id), lists.map((list) => list.name)]);
    if (looks === this.#drawn) return;
    this.#drawn = looks;
    this.#planned = null;
    const { today } = state;
    const on = (tool, more) => (task) => ({ tool, arguments: { task_id: task.id, ...more } });
    const move = (date) => (task) => {
      const time = task.due_local?.slice(11, 16);
      return { tool: "update_task", arguments: { task_id: task.id, due: time ? `${date}T${time}` : date } };
    };
    const level = makeChoice("Priority", ["none", "low", "medium", "high"].map((name) => [name, name]), (name) =>
      this.#ask(on("update_task", { priority: name }), `Set the priority to ${name}`, `set to ${name === "none" ? "no" : name} priority`),
    );
    const list = makeChoice("List", [["", "Inbox"], ...lists.map(({ name }) => [name, name])], (name) => {
      const step = on("update_task", name ? { list: name } : { clear: ["list"] });
      const where = name ? `“${name}”` : "the inbox";
      this.#ask(step, `Move to ${where}`, `moved to ${where}`);
    });
    const monday = nextMonday(today);
    const onDay = (text, date, where) =>
      makeButton(text, () => this.#ask(move(date), `Move to ${where}`, `moved to ${where}`), { class: "quiet", title: sayHeading(date) });
    const others = matchMedia("(hover: none)").matches ? "Tap others to choose them too." : "Click others to choose them too, with Shift all between.";
    this.#said.replaceChildren(`${tasks.length} chosen `, tasks.length > 1 ? "" : make("span", { class: "fact" }, others));
    this.#deeds.replaceChildren(
      makeButton("Complete", () => this.#ask(on("complete_task"), "Complete", "completed"), { class: "quiet" }),
      onDay("Today", today, "today"),
      onDay("Tomorrow", addDays(today, 1), "tomorrow"),
      onDay("Next week", monday, sayHeading(monday)),
      makeButton("No date", () => this.#ask(on("update_task", { clear: ["due"] }), "Take the date off", "set to no date"), {
        class: "quiet",
      }),
      list,
      level,
      makeButton("Delete", () => this.#ask(on("delete_task"), "Delete", "deleted"), { class: "quiet danger" }),
    );
  }

  /** Say in one sentence what would happen, and wait for the word; `told` says it when it is done. */
  async #ask(step, deed, told) {
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
    const yes = makeButton("Do it", () => this.#apply(told));
    const no = makeButton("Leave it", () => {
      this.#drawn = "";
      this.#draw();
    });
    this.#deeds.replaceChildren(yes, no);
    yes.focus();
  }

  async #apply(told) {
    for (const button of this.#deeds.querySelectorAll("button")) button.disabled = true;
    const count = this.#tasks.length;
    if (await applyPlan(this.#planned)) {
      chooseNone();
      const done = `${count} ${count > 1 ? "tasks" : "task"} ${told}. Undo (z) takes all of it back.`;
      state.say([done, state.said?.text].filter(Boolean).join(" "));
    } else {
      this.#drawn = "";
      this.#draw();
    }
    document.querySelector("task-list").step(0);
  }
}

/** Return a field whose options, `[value, words]`, each are a deed. */
function makeChoice(name, options, pick) {
  const first = make("option", { value: " ", selected: true }, name);
  const field = make("select", { "aria-label": `${name} for all` }, first, ...options.map(([value, words]) => make("option", { value }, words)));
  field.addEventListener("change", () => field.value !== " " && pick(field.value));
  return field;
}

customElements.define("chosen-bar", ChosenBar);
