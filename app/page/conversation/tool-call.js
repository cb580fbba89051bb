// A tool call in one folded line: its name, the task it touched, and its outcome; unfolded, all of it.
import { SAID } from "../text/change-sentences.js";
import { make, quote, whisper } from "../text/elements.js";

/** What a call does, in the words of the page; one that is not here keeps the name that programs know. */
const WORDS = {
  ...SAID,
  find_tasks: "looked",
  get_task: "looked at",
  update_task: "changed",
  preview_recurrence: "looked ahead",
  plan_changes: "planned",
  apply_plan: "applied the plan",
  undo: "took back",
};

class ToolCall extends HTMLElement {
  /** Show a call: `{name, arguments, ok?, result?}`; without `ok` it still runs. */
  show({ name, arguments: given, ok, result }) {
    const running = ok === undefined;
    const sign = running ? "…" : ok ? "✓" : "✗";
    const said = running ? "running" : ok ? "worked" : "did not work";
    const known = this.querySelector("details")?.open ?? false;
    const touched = nameSubject(given ?? {}, result ?? {});
    this.replaceChildren(
      make(
        "details",
        { class: `call ${running ? "running" : ok ? "ok" : "failed"}`, open: known },
        make(
          "summary",
          {},
          make("span", { class: "deed", title: name }, WORDS[name] ?? name),
          touched && make("span", { class: "touched" }, quote(touched)),
          make("span", { class: "sign", "aria-hidden": "true" }, sign),
          whisper(said),
        ),
        make("pre", { tabindex: "0", "aria-label": "Arguments" }, JSON.stringify(given ?? {}, null, 1)),
        result !== undefined &&
          result !== null &&
          make("pre", { tabindex: "0", "aria-label": "Result" }, JSON.stringify(result, null, 1)),
      ),
    );
  }
}

function nameSubject(given, result) {
  const tasks = result.tasks ?? [];
  if (result.task?.title) return result.task.title;
  if (given.title) return given.title;
  if (result.total !== undefined) return `${result.total} found`;
  if (tasks.length) return tasks.length > 1 ? `${tasks[0].title} and ${tasks.length - 1} more` : tasks[0].title;
  return given.text ?? given.rule ?? result.code ?? "";
}

customElements.define("tool-call", ToolCall);
