// In and out: a file is said first, then brought in with its progress as one change; everything of mine in one file.
import { undo } from "../data/actions.js";
import { readEvents } from "../data/event-stream.js";
import { load } from "../data/loading.js";
import { OWN, Problem, readAnswer, UNREACHABLE } from "../data/service.js";
import { state } from "../data/state.js";
import { make, makeButton } from "../text/elements.js";
import { tryOrSay } from "./panel-parts.js";

const HEADERS = { ...OWN, "Content-Type": "application/octet-stream" };

async function send(path, file, accept) {
  const request = { method: "POST", headers: { ...HEADERS, Accept: accept }, body: file };
  const response = await fetch(path, request).catch(() => {
    throw new Problem(0, "unreachable", UNREACHABLE);
  });
  if (!response.ok) await readAnswer(response);
  return response;
}

/** Bring a file in and hand each step to `show(done, of)`; return the answer. */
async function bringIn(file, show) {
  const response = await send("/api/import?apply=true", file, "text/event-stream");
  for await (const { name, data } of readEvents(response.body)) {
    if (name === "progress") show(data.done, data.of);
    else if (name === "error") throw new Problem(data.status, data.code, data.detail);
    else return data;
  }
  throw new Problem(0, "cut_off", "The connection was lost; what was begun goes on. Choose the file again to see.");
}

class MyTransfer extends HTMLElement {
  /** Show both ways. */
  open() {
    const file = make("input", { type: "file", required: true });
    const look = (event) => {
      event.preventDefault();
      this.#plan(file.files[0]);
    };
    this.said = make("div", { role: "status" });
    this.replaceChildren(
      make("h3", {}, "In and out"),
      make("form", { submit: look }, make("label", {}, "A file of tasks", file), make("button", { type: "submit" }, "Look at it")),
      this.said,
      make("p", { class: "links" }, make("a", { href: "/api/export", download: "tasks.jsonl" }, "Take everything of mine along")),
      make("p", { class: "fact" }, "Files of Todoist, TickTick, Taskwarrior, Google Tasks, Vikunja, calendar programs and this product, or a line for each task. First it is said what would come."),
    );
  }

  #plan(file) {
    return tryOrSay(async () => {
      const plan = await readAnswer(await send("/api/import", file, "application/json"));
      const comes = plan.counts.tasks + plan.counts.recurring;
      const bring = comes > 0 && makeButton("Bring them in", () => this.#bring(file, comes));
      this.said.replaceChildren(make("p", {}, plan.message), ...drawRemarks(plan), bring || "");
    });
  }

  #bring(file, comes) {
    const bar = make("progress", { max: comes, value: 0, "aria-label": "Brought in" });
    const words = make("span", { class: "fact" }, `0 of ${comes}`);
    this.said.replaceChildren(bar, " ", words);
    return tryOrSay(async () => {
      try {
        const done = await bringIn(file, (count, of) => {
          Object.assign(bar, { max: of, value: count });
          words.textContent = `${count} of ${of}`;
        });
        const back = done.change_id && makeButton("Take it back", () => undo(done), { class: "quiet" });
        this.said.replaceChildren(make("p", {}, done.message), ...drawRemarks(done), back || "");
      } catch (problem) {
        this.said.replaceChildren();
        throw problem;
      } finally {
        await load();
        state.show();
      }
    });
  }
}

function drawRemarks(plan) {
  const kinds = [
    ["refused", "Not taken over"],
    ["remarks", "Kept in another form"],
  ];
  return kinds
    .filter(([kind]) => plan[kind])
    .map(([kind, title]) =>
      make(
        "details",
        {},
        make("summary", {}, title),
        make("ul", { class: "plain" }, ...plan[kind].map((each) => make("li", {}, `Line ${each.line}: ${each.text}`))),
      ),
    );
}

customElements.define("my-transfer", MyTransfer);
