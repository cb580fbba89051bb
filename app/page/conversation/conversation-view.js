// The conversation: its turns, its questions, and the field for the next message.
import { sendMessage } from "./chat-stream.js";
import { arrange, isComposing, make, makeButton, quote } from "../text/elements.js";
import { loadSoon } from "../data/loading.js";
import { call } from "../data/service.js";
import { state } from "../data/state.js";
import { toLocal } from "../text/when.js";
import { drawSeveral, nameAsker } from "./confirmation-card.js";
import "./conversation-list.js";
import "./conversation-turn.js";

const EXAMPLES = [
  "Remind me to call mum on Friday at 5",
  "What is due this week?",
  "Every Monday at 18:00: water the plants",
];
const KEPT = "conversation";
const NEAR = 80;

class ConversationView extends HTMLElement {
  #id = localStorage.getItem(KEPT);
  #busy = null;
  #begun = false;
  #halting = null;
  #sendsNext = false;
  #log = make("div", { class: "log", role: "log", "aria-label": "Conversation", tabindex: "0" });
  #cards = make("div", { class: "asked", "aria-live": "polite" });
  #list = make("conversation-list", { hidden: true, id: "earlier" });
  #note = make("p", { class: "offline", hidden: true });
  #field;
  #send = make("button", { type: "submit", class: "send" }, "Send");
  #stop = makeButton("Stop", () => this.#halt(), { class: "send", hidden: true });
  #own = new Set();
  #waits = new Map();
  #together = new Map();
  #last = null;
  /** Whether the person has scrolled since the last message, so that the answer does not move what they read. */
  #reads = false;
  #down = makeButton("↓", () => this.#scrollDown(), { class: "down", "aria-label": "To the end of the answer", hidden: true });

  connectedCallback() {
    this.#field = make("textarea", {
      rows: 1,
      placeholder: matchMedia("(hover: none)").matches ? "Write a message" : "Write, or press /",
      "aria-label": "Message",
      dir: "auto",
      maxlength: 20_000,
    });
    const earlier = makeButton("Earlier", () => this.#toggleList(), {
      class: "quiet",
      "aria-expanded": "false",
      "aria-controls": "earlier",
    });
    const fresh = makeButton("New", () => this.#begin(), { class: "quiet", title: "A new conversation" });
    const head = make(
      "header",
      {},
      make("h2", { class: "whisper" }, "Conversation"),
      this.#note,
      make("span", { class: "acts" }, earlier, fresh),
    );
    const form = make("form", { class: "say" }, this.#field, this.#send, this.#stop);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#field.addEventListener("keydown", (event) => {
      if (isComposing(event)) return;
      if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        this.#submit();
      }
      if (event.key === "Escape") this.#field.blur();
    });
    this.#field.addEventListener("input", () => {
      this.#sendsNext = false;
      this.#fit();
    });
    for (const name of ["wheel", "touchmove", "keydown"]) {
      this.#log.addEventListener(name, () => (this.#reads = true), { passive: true });
    }
    this.#log.addEventListener("scroll", () => this.#showRest(), { passive: true });
    this.append(head, this.#list, this.#log, this.#down, this.#cards, form);
    state.addEventListener("change", () => this.#drawCards());
    this.#drawEmpty();
  }

  /** Learn who answers here, and show the conversation that was open before. */
  async open() {
    const models = await call("GET", "/v1/models").catch(() => null);
    const ids = models?.data?.map((model) => model.id) ?? [];
    this.#note.hidden = ids.includes("tasks-agent");
    if (models === null) this.#note.textContent = "The conversation cannot be reached now; the list works without it.";
    else {
      const help = makeButton("help", () => this.say("help"), { class: "inline" });
      this.#note.replaceChildren(
        "Built-in commands answer here, without a model. Send ",
        help,
        " to see what they understand.",
      );
    }
    if (this.#id) await this.#show(this.#id);
  }

  /** Bring the keys here. */
  reach() {
    this.#field.focus();
  }

  /** Put words into the field, to be changed and sent. */
  write(words) {
    this.#field.value = words;
    this.#fit();
    this.reach();
    this.#field.setSelectionRange(words.length, words.length);
  }

  /** Say something as the person. */
  async say(message) {
    if (this.#busy || !message) return;
    const turn = document.createElement("conversation-turn");
    this.querySelector(".examples")?.remove();
    this.#last?.offer(null);
    this.#last = turn;
    this.#log.append(turn);
    turn.ask(message);
    turn.wait();
    this.#scroll(true);
    this.#begun = false;
    this.#busy = new AbortController();
    this.#showBusy();
    const body = { message, ...(this.#id ? { conversation_id: this.#id } : {}) };
    try {
      await sendMessage(body, (name, data) => this.#hear(turn, name, data), this.#busy.signal);
      turn.end();
      turn.offer((words) => this.say(words));
    } catch (problem) {
      this.#sendsNext = false;
      if (problem.name === "AbortError") turn.stop();
      else {
        turn.end();
        if (problem.status === 404 && this.#id) this.#remember(null);
        turn.fail(problem.message, () => this.say(message));
      }
    } finally {
      this.#busy = null;
      this.#showBusy();
      this.#scroll();
      loadSoon();
      if (this.#sendsNext) this.#submit();
    }
  }

  #hear(turn, name, data) {
    if (name === "conversation") {
      if (data.model === "offline-commands") turn.propose((words) => this.write(words));
      this.#begun = true;
      this.#remember(data.conversation_id);
    } else if (name === "text") turn.addText(data.text);
    else if (name === "tool_started") turn.showCall(data.call, { name: data.name, arguments: data.arguments });
    else if (name === "tool_finished") turn.showCall(data.call, { name: data.name, ok: data.ok, result: data.result });
    else if (name === "confirmation") {
      this.#own.add(data.confirmation_id);
      turn.showQuestion({ ...data, id: data.confirmation_id }, (decision) => this.#goOn(decision));
      this.#drawCards();
    } else if (name === "done" && data.finish === "stopped") turn.stop();
    else if (name === "done") turn.end(data.text);
    else if (name === "error") {
      turn.end();
      turn.fail(data.detail ?? data.title ?? "That did not work.");
    }
    this.#scroll();
  }

  async #goOn(decision) {
    while (this.#busy) await new Promise((resolve) => setTimeout(resolve, 50));
    this.say(decision === "accept" ? "yes" : "no");
  }

  /** Request a stop and wait for the running call's result; disconnect if that fails, or at the second request. */
  async #halt() {
    const busy = this.#busy;
    this.#sendsNext = false;
    if (!this.#begun || this.#halting === busy) return busy?.abort();
    this.#halting = busy;
    const answer = await call("POST", `/api/conversations/${this.#id}/stop`).catch(() => ({}));
    if (!answer.stopping) busy.abort();
  }

  #submit() {
    const message = this.#field.value.trim();
    // A message sent during an answer goes out after it, unless it is edited before.
    this.#sendsNext = Boolean(message && this.#busy);
    if (!message || this.#busy) return;
    this.#field.value = "";
    this.#fit();
    this.say(message);
  }

  #remember(id) {
    this.#id = id;
    if (id) localStorage.setItem(KEPT, id);
    else localStorage.removeItem(KEPT);
  }

  #begin() {
    this.#busy?.abort();
    this.#remember(null);
    this.#log.replaceChildren();
    this.#drawEmpty();
    this.#toggleList(false);
    this.reach();
  }

  async #show(id) {
    let conversation;
    try {
      conversation = await call("GET", `/api/conversations/${id}`);
    } catch (problem) {
      if (problem.status === 404) this.#remember(null);
      return;
    }
    this.#remember(id);
    this.#log.replaceChildren();
    let turn = null;
    for (const message of conversation.messages) {
      if (message.role === "user" || !turn) this.#log.append((turn = document.createElement("conversation-turn")));
      if (message.role === "user") turn.ask(message.text);
      else {
        const base = turn.querySelectorAll("tool-call").length;
        (message.calls ?? []).forEach((each, index) => turn.showCall(base + index, each));
        if (message.text) turn.addText(message.text);
      }
    }
    if (!conversation.messages.length) this.#drawEmpty();
    this.#scroll(true);
  }

  async #toggleList(wanted = this.#list.hidden) {
    this.#list.hidden = !wanted;
    this.querySelector("[aria-controls=earlier]").setAttribute("aria-expanded", String(wanted));
    if (!wanted) return;
    const pick = (id) => {
      this.#busy?.abort();
      this.#toggleList(false);
      this.#show(id);
    };
    await this.#list.open({ pick, lose: (id) => id === this.#id && this.#begin() });
  }

  #drawEmpty() {
    const examples = EXAMPLES.map((text) =>
      make(
        "li",
        {},
        makeButton(text, () => this.say(text), { class: "example" }),
      ),
    );
    const hint = "Say what you have in mind; it becomes tasks, reminders and things that come again.";
    this.#log.append(make("div", { class: "examples" }, make("p", {}, hint), make("ul", {}, ...examples)));
  }

  #drawCards() {
    // This conversation's own questions are in its turns; these come from other agents.
    const shown = new Set([...this.#log.querySelectorAll("confirmation-card")].map((card) => card.dataset.id));
    const known = new Map([...this.#cards.querySelectorAll("confirmation-card")].map((card) => [card.dataset.id, card]));
    const waiting = state.questions.filter((question) => Date.parse(question.expires_at) > state.now);
    const others = waiting.filter((question) => !shown.has(question.id) && !this.#own.has(question.id));
    const askers = Map.groupBy ? Map.groupBy(others, nameAsker) : new Map(others.map((each) => [each.id, [each]]));
    const several = [...askers.values()].filter((questions) => questions.length > 1);
    const together = several.map((questions) => {
      const key = questions.map((each) => each.id).join();
      const card = this.#together.get(key) ?? drawSeveral(questions);
      this.#together = new Map([...this.#together, [key, card]]);
      return card;
    });
    const alone = others.filter((question) => !several.some((questions) => questions.includes(question)));
    const cards = alone.map((question) => {
      const card = known.get(question.id) ?? document.createElement("confirmation-card");
      const here = this.#id && question.origin?.includes(this.#id);
      if (!known.has(question.id))
        card.show({ ...question, own: here }, here ? (decision) => this.#goOn(decision) : undefined);
      return card;
    });
    const agreed = state.agreed.filter((each) => Date.parse(each.expires_at) > state.now && !this.#own.has(each.id));
    const waits = agreed.map((question) => {
      const known = this.#waits.get(question.id) ?? drawAgreed(question);
      this.#waits.set(question.id, known);
      return known;
    });
    arrange(this.#cards, [...together, ...cards, ...waits]);
    document.body.classList.toggle("asks", others.length > 0);
  }

  #showBusy() {
    const busy = Boolean(this.#busy);
    this.#log.setAttribute("aria-busy", String(busy));
    this.#send.hidden = busy;
    this.#stop.hidden = !busy;
  }

  /** Bring the last question to the top of the log, and as much of its answer into sight as there is room for. */
  #scroll(always = false) {
    if (always) this.#reads = false;
    if (!this.#reads) {
      const { scrollHeight, clientHeight } = this.#log;
      const asked = this.#log.lastElementChild;
      const top = asked ? asked.offsetTop - this.#log.offsetTop - 8 : 0;
      this.#log.scrollTop = Math.min(top, scrollHeight - clientHeight);
    }
    this.#showRest();
  }

  #scrollDown() {
    this.#reads = true;
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** Say that there is more below. */
  #showRest() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    this.#down.hidden = scrollHeight - scrollTop - clientHeight < NEAR / 2;
  }

  #fit() {
    this.#field.style.height = "auto";
    this.#field.style.height = `${Math.min(this.#field.scrollHeight, 200)}px`;
  }
}

/** Return the quiet line of a question that was agreed to: the agent has to call again, and may never do so. */
function drawAgreed(question) {
  const who = nameAsker(question);
  const until = toLocal(question.expires_at, state.me.zone).slice(11);
  const summary = question.summary ?? question.action ?? "";
  return make("p", { class: "fact agreed" }, "Agreed, waiting for ", quote(who), " until ", until, ": ", quote(summary));
}

customElements.define("conversation-view", ConversationView);
