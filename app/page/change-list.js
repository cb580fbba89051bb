// The last changes, unfolded over the foot: who did what, in groups, each with its way back.
import { undoAll } from "./data/actions.js";
import { goTo } from "./data/opening.js";
import { arrange, make, makeButton, quote } from "./text/elements.js";
import { state } from "./data/state.js";
import { groupChanges, tellGroup } from "./text/change-sentences.js";
import { sayMoment } from "./text/when.js";

const MOST = 10;

class ChangeList extends HTMLElement {
  #rows = new Map();
  #list = make("ol", { class: "plain" });

  connectedCallback() {
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Last changes");
    this.tabIndex = -1;
    this.append(this.#list);
    state.addEventListener("change", () => !this.hidden && this.#draw());
    this.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.toggle();
    });
  }

  /** Open or close it; the keys go along and back. */
  toggle() {
    this.hidden = !this.hidden;
    const button = document.querySelector("foot-line .memory");
    button.setAttribute("aria-expanded", String(!this.hidden));
    if (this.hidden) button.focus();
    else {
      this.#draw();
      (this.querySelector("button") ?? this).focus();
    }
  }

  #draw() {
    const groups = groupChanges(state.changes);
    const rows = groups.map((group) => {
      const key = group.map((change) => `${change.change_id}${change.undone_by ?? ""}`).join();
      if (!this.#rows.has(key)) this.#rows.set(key, drawGroup(group));
      return this.#rows.get(key);
    });
    if (rows.length) arrange(this.#list, rows);
    else this.#list.replaceChildren(make("li", { class: "fact" }, "Nothing has changed yet."));
  }
}

function drawGroup(group) {
  const { zone } = state.me;
  const parts = tellGroup(group, state.changes, { zone, today: state.today });
  const said = make("span", {}, ...parts);
  const words = said.textContent;
  const undone = group[0].undone_by || group[0].kind === "undo" || group[0].actor.kind === "scheduler";
  const tasks = [...new Map(group.flatMap((change) => change.tasks).map((task) => [task.task_id, task])).values()];
  const back = makeButton("↶", () => undoAll(group), {
    class: "quiet",
    "aria-label": `Take back: ${words}`,
    title: group.length > 1 ? "Take all of it back" : "Take it back",
  });
  const open = tasks.length === 1 && makeButton("Open", () => goTo(tasks[0].task_id), { class: "quiet", "aria-label": `Open: ${words}` });
  const titles = group.length > 1 && tasks.length > 1 ? make("span", { class: "fact" }, ...quoteAll(tasks)) : null;
  return make(
    "li",
    { class: undone ? "undone" : null },
    make("div", {}, said, titles),
    make("span", { class: "fact" }, sayMoment(group[0].at, zone)),
    make("span", { class: "acts" }, open, !undone && back),
  );
}

function quoteAll(tasks) {
  const shown = tasks.slice(0, MOST).flatMap((task, index) => [index ? ", “" : "“", quote(task.title), "”"]);
  return tasks.length > MOST ? [...shown, ` and ${tasks.length - MOST} more`] : shown;
}

customElements.define("change-list", ChangeList);
