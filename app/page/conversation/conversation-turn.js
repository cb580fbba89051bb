// One message and its answer: texts, tool calls and questions.
import { state } from "../data/state.js";
import { make, makeButton, quote } from "../text/elements.js";
import { goTo } from "../data/opening.js";
import { makeTick } from "./task-tick.js";
import { layOut } from "../text/spoken-text.js";
import "./confirmation-card.js";
import "./tool-call.js";

class ConversationTurn extends HTMLElement {
  #calls = new Map();
  #text = null;
  #said = "";
  #waiting = null;
  #answer = null;
  #example = () => null;

  /** Show the person's message; an empty text shows nothing. */
  ask(text) {
    if (text) this.append(make("div", { class: "mine", dir: "auto" }, text));
  }

  /** Show that an answer is coming. */
  wait() {
    this.#waiting = make("p", { class: "thinking" }, make("span"), make("span"), make("span"));
    this.#waiting.setAttribute("aria-label", "An answer is coming");
    this.append(this.#waiting);
  }

  /** Append to the answer. */
  addText(delta) {
    this.#arrive();
    if (!this.#text) this.append((this.#text = make("div", { class: "theirs" })));
    this.#said += delta;
    const tasks = this.#listTasks();
    const taken = new Map();
    // Of several tasks with one title, each line is for the next one.
    const next = (title) => {
      const ids = tasks.get(title) ?? [];
      const at = taken.get(title) ?? 0;
      return ids[Math.min(at, ids.length - 1)];
    };
    const tick = (title) => next(title) && makeTick(next(title), title);
    const link = (title) => {
      const id = next(title);
      taken.set(title, (taken.get(title) ?? 0) + 1);
      return id && make("button", { type: "button", class: "named", click: () => goTo(id) }, quote(title));
    };
    this.#text.replaceChildren(...layOut(cutZone(this.#said), { titles: [...tasks.keys()], link, tick, example: this.#example }));
    this.#offer();
  }

  /** Let the sentences that the answer proposes be buttons; `write` puts one into the field. */
  propose(write) {
    this.#example = (words) => makeButton(`“${words}”`, () => write(words), { class: "inline", title: "Write it below" });
  }

  /** Put the yes and the no of a question under it, as long as it is the last thing said. */
  #offer() {
    this.querySelector(".offer")?.remove();
    if (!isQuestion(this.#said) || !this.#answer) return;
    const answer = (words) => () => {
      this.querySelector(".offer")?.remove();
      this.#answer(words);
    };
    this.append(
      make(
        "div",
        { class: "choices offer" },
        makeButton("Yes", answer("yes"), { "aria-label": "Answer yes" }),
        makeButton("No", answer("no"), { "aria-label": "Answer no" }),
      ),
    );
  }

  /** Let the yes and no of this turn's questions be buttons; `answer` sends the word. */
  offer(answer) {
    this.#answer = answer;
    if (answer) this.#offer();
    else this.querySelector(".offer")?.remove();
  }

  /** Return the ids of the tasks that the answer may name, by title, in the order of their results. */
  #listTasks() {
    const found = new Map();
    const note = (task) => {
      if (typeof task?.title !== "string" || !task.title) return;
      const ids = found.get(task.title) ?? [];
      if (task.id && !ids.includes(task.id)) ids.push(task.id);
      found.set(task.title, ids);
    };
    for (const title of this.#listTitles()) note({ title });
    for (const { call } of this.#calls.values()) {
      for (const task of [call.result?.task, ...(call.result?.tasks ?? [])]) note(task);
    }
    for (const task of [...state.tasks, ...state.done, ...state.series]) {
      if (found.has(task.title) && !found.get(task.title).length) note(task);
    }
    return found;
  }

  /** Return the titles that the answer may name: a title is never markup. */
  #listTitles() {
    const shown = [...this.#calls.values()].flatMap(({ call: { arguments: given, result } }) => [
      given,
      result?.task,
      ...(result?.tasks ?? []),
      ...(result?.upcoming ?? []),
      ...(result?.also_completed_titles ?? []),
    ]);
    const known = [...shown, ...state.tasks, ...state.done, ...state.series];
    return known.map((each) => each?.title).filter((title) => typeof title === "string" && title);
  }

  /** Show that a call begins, or its outcome; later text goes below it. */
  showCall(number, call) {
    this.#arrive();
    if (!this.#calls.has(number)) {
      const line = document.createElement("tool-call");
      this.#calls.set(number, { line, call: {} });
      this.append(line);
      this.#text = null;
      this.#said = "";
    }
    const known = this.#calls.get(number);
    Object.assign(known.call, call);
    known.line.show(known.call);
  }

  /** Show a question that only the person may answer. */
  showQuestion(question, after) {
    this.#arrive();
    if (this.querySelector(`confirmation-card[data-id="${CSS.escape(question.id)}"]`)) return;
    const card = document.createElement("confirmation-card");
    const done = (decision) => {
      card.replaceChildren(
        make("p", { class: "fact" }, decision === "accept" ? "You agreed." : "You refused; nothing was done."),
      );
      after(decision);
    };
    card.show({ ...question, own: true }, done);
    this.append(card);
  }

  /** Say that it did not work, with a way to try again. */
  fail(text, again) {
    this.#arrive();
    const button = again && make("button", { type: "button", class: "quiet", click: again }, "Try again");
    this.append(make("p", { class: "failed", role: "alert" }, `${text} `, button));
  }

  /** End the turn: nothing runs any more. */
  end(text = "") {
    this.#arrive();
    if (text && !this.querySelector(".theirs")) this.addText(text);
    for (const { line, call } of this.#calls.values())
      if (call.ok === undefined) line.show({ ...call, ok: false, result: null });
  }

  /** Say in a muted line that it was stopped. */
  stop() {
    this.end();
    this.append(make("p", { class: "fact" }, "Stopped. What was done until then is done."));
  }

  #arrive() {
    this.#waiting?.remove();
    this.#waiting = null;
  }
}

/** Return a text without the person's own zone after its times: the whole page is in it. */
function cutZone(text) {
  return text.replaceAll(` ${state.me.zone}`, (zone, at) => (/\d\d:\d\d$/.test(text.slice(0, at)) ? "" : zone));
}

/** Return whether an answer ends with a question that a yes or a no settles. */
function isQuestion(text) {
  const said = text.trim();
  if (/[Ss]ay “yes”/.test(said.slice(-160))) return true;
  return /(?:^|[.!?:\n]\s*)(?:Shall|Should|May) I [^.!?\n]*\?$|(?:^|[.!?:\n]\s*)Do you (?:want|mean) [^.!?\n]*\?$/.test(said);
}

customElements.define("conversation-turn", ConversationTurn);
