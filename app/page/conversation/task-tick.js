// The circle of a task that an answer lists: it shows the task as it is now, and ticks it.
import { toggle } from "../data/actions.js";
import { call } from "../data/service.js";
import { make } from "../text/elements.js";
import { state } from "../data/state.js";

class TaskTick extends HTMLElement {
  #id = "";
  #title = "";
  #circle = make("button", { type: "button", class: "circle", role: "checkbox", click: () => this.#toggle() });
  #follow = () => this.#draw();
  #done = false;

  connectedCallback() {
    if (!this.#circle.isConnected) this.append(this.#circle);
    state.addEventListener("change", this.#follow);
    this.#draw();
  }

  disconnectedCallback() {
    state.removeEventListener("change", this.#follow);
  }

  /** Stand for a task. */
  show(taskId, title) {
    this.#id = taskId;
    this.#title = title;
  }

  async #toggle() {
    const task = state.find(this.#id) ?? (await call("GET", `/api/tasks/${this.#id}`).catch(() => null));
    if (!task) return state.say(`“${this.#title}” is not there any more.`, true);
    if (await toggle(task)) this.#done = task.status !== "completed";
    this.#draw();
  }

  #draw() {
    const task = state.find(this.#id);
    const done = task ? task.status === "completed" : this.#done;
    this.#circle.setAttribute("aria-checked", String(done));
    this.#circle.setAttribute("aria-label", `Done: ${this.#title}`);
    this.closest("li")?.classList.toggle("completed", done);
  }
}

customElements.define("task-tick", TaskTick);

/** Return the circle of a task. */
export function makeTick(taskId, title) {
  const tick = document.createElement("task-tick");
  tick.show(taskId, title);
  return tick;
}
