// The subtasks of a task, ticked and added in place.
import { addStep, toggle } from "../data/actions.js";
import { openTask } from "../data/opening.js";
import { isComposing, make, makeButton, quote } from "../text/elements.js";
import { state } from "../data/state.js";
import { sayShort } from "../text/when.js";
import { part } from "./task-fields.js";

/** Return the part with the subtasks that the service gave. */
export function drawSteps(task, steps) {
  const rows = state.view(steps).map((step) => {
    const done = step.status === "completed";
    const names = { class: "circle", type: "button", role: "checkbox", "aria-checked": String(done) };
    return make(
      "li",
      { class: `step ${step.status}` },
      make("button", { ...names, "aria-label": `Done: ${step.title}`, click: () => toggle(step) }),
      makeButton("", () => openTask(step.id), { class: "title" }),
      step.due && make("span", { class: "fact" }, sayShort(step.due_local ?? step.due, state.today)),
    );
  });
  rows.forEach((row, index) => row.querySelector(".title").append(quote(state.view(steps)[index].title)));
  const field = make("input", { "aria-label": "Add a subtask", placeholder: "+ subtask", maxlength: 200, dir: "auto" });
  field.addEventListener("keydown", async (event) => {
    if (event.key !== "Enter" || isComposing(event)) return;
    event.preventDefault();
    const title = field.value.trim();
    if (!title) return;
    field.value = "";
    if (!(await addStep(task, title))) field.value ||= title;
  });
  const total = task.subtasks?.total ?? 0;
  const rest = total > steps.length ? make("p", { class: "fact" }, `${steps.length} of ${total} are shown`) : null;
  return part("Subtasks", rows.length ? make("ul", { class: "plain" }, ...rows) : null, rest, field);
}
