// One message and its answer: texts, tool calls and questions.
import { state } from "../data/state.js";
import { make } from "../text/elements.js";
import { layOut } from "../text/spoken-text.js";
import "./confirmation-card.js";
import "./tool-call.js";

class ConversationTurn extends HTMLElement {
  #calls = new Map();
  #text = null;
  #said = "";
  #waiting = null;

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
    this.#text.replaceChildren(...layOut(this.#said, this.#listTitles()));
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

customElements.define("conversation-turn", ConversationTurn);
