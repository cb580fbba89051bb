// The subtasks of a task, ticked and added in place.
import { addStep, editSeries, toggle } from "../data/actions.js";
import { openTask } from "../data/opening.js";
import { isComposing, make, makeButton, quote } from "../text/elements.js";
import { state } from "../data/state.js";
import { sayShort } from "../text/when.js";
import { part } from "./task-fields.js";

/** Return the part with the subtasks that the service gave; `series` is that of a recurring task. */
export function drawSteps(task, steps, series) {
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
  const field = make("input", {
    class: "fresh",
    "aria-label": "Add a subtask",
    placeholder: "+ subtask",
    maxlength: 200,
    dir: "auto",
  });
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
  const list = rows.length ? make("ul", { class: "plain" }, ...rows) : null;
  return part("Subtasks", list, rest, field, series?.recurrence && drawTemplates(series, steps, total));
}

/** Return what stands below each occurrence, and the button that makes these subtasks the ones that come each time. */
function drawTemplates(series, steps, total) {
  const kept = series.recurrence.subtasks ?? [];
  const titles = [...steps].sort((one, other) => (one.id < other.id ? -1 : 1)).map((step) => step.title);
  const same = [...kept].sort().join("\n") === [...titles].sort().join("\n");
  const said = kept.length ? ["Each time: ", ...kept.flatMap((title, index) => [index ? ", " : "", quote(title)])] : [];
  const change = async () => {
    const answer = await editSeries(series, { subtasks: titles });
    if (!answer || answer.warnings?.length) return;
    const begins = titles.length ? `begins with ${titles.join(", ")}` : "begins without subtasks";
    state.say(`Every later “${series.title}” ${begins}. Undo (z) takes it back.`);
  };
  const keep = makeButton("Each time these", change, {
    class: "quiet",
    title: "Every later occurrence begins with these subtasks, open",
  });
  if (!said.length && same) return null;
  return make("p", { class: "each-time fact" }, ...said, !same && total === steps.length && keep);
}
