// An agent's question that only the person may answer: its consequences, and two buttons of equal weight.
import { decide } from "../data/actions.js";
import { make, makeButton, quote } from "../text/elements.js";
import { state } from "../data/state.js";
import { localDue, sayShort, toLocal } from "../text/when.js";

class ConfirmationCard extends HTMLElement {
  /** Show a question; `after` is called with the decision once the service has it. */
  show(question, after = () => {}) {
    this.className = "card";
    this.dataset.id = question.id;
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", "A question that waits for you");
    const who = nameAsker(question);
    const until = question.expires_at ? `Until ${toLocal(question.expires_at, state.me.zone).slice(11)}.` : "";
    const answer = (decision) => async () => {
      for (const button of this.querySelectorAll("button")) button.disabled = true;
      if (await decide(question, decision)) after(decision);
      else for (const button of this.querySelectorAll("button")) button.disabled = false;
    };
    this.replaceChildren(
      make("p", { class: "lead" }, question.own ? "This needs your word:" : `${who} asks for your word:`),
      list(question),
      make(
        "div",
        { class: "choices" },
        makeButton("Agree", answer("accept")),
        makeButton("Refuse", answer("reject")),
        make("span", { class: "fact" }, until),
      ),
    );
  }
}

/** Return the card of several questions of one agent: a numbered list, answered singly or together. */
export function drawSeveral(questions) {
  const who = nameAsker(questions[0]);
  const answer = (asked, decision) => async (event) => {
    event.target.disabled = true;
    for (const question of asked) await decide(question, decision);
    event.target.disabled = false;
  };
  const choices = (asked, words, name) => [
    makeButton(`Agree${words}`, answer(asked, "accept"), name && { "aria-label": `Agree: ${name}` }),
    makeButton(`Refuse${words}`, answer(asked, "reject"), name && { "aria-label": `Refuse: ${name}` }),
  ];
  const label = `${questions.length} questions that wait for you`;
  const items = questions.map((question) => {
    const many = question.items?.length > 1 ? make("div", {}, list(question)) : quote(question.summary);
    return make("li", {}, many, make("div", { class: "choices" }, ...choices([question], "", question.summary)));
  });
  const card = make(
    "div",
    { class: "card", role: "group", "aria-label": label },
    make("p", { class: "lead" }, `${who} asks for your word on ${questions.length} things:`),
    make("ol", { tabindex: "0", "aria-label": label }, ...items),
    make("div", { class: "choices" }, ...choices(questions, " to all")),
  );
  card.querySelectorAll(".choices:last-child button")[1].textContent = "Refuse all";
  return card;
}

/** Return the name of the agent that asks. */
export function nameAsker(question) {
  return question.origin?.split(":")[1] || "An agent";
}

/** Return the consequences; several are a numbered list with whole titles. */
function list({ summary, action = summary, items = [], total = items.length }) {
  if (items.length < 2) return make("p", {}, quote(summary));
  const rest = total - items.length;
  return make(
    "div",
    {},
    make("p", {}, `${action}:`),
    make(
      "ol",
      { tabindex: "0", "aria-label": action },
      ...items.map((item) => make("li", {}, quote(item.title), fact(item))),
      rest > 0 && make("li", { class: "rest" }, `and ${rest} more`),
    ),
  );
}

/** Return the facts that distinguish a task from others with its title. */
function fact({ kind, due, due_text: said }) {
  if (kind === "recurring") return make("span", { class: "fact" }, " recurring");
  return due && make("span", { class: "fact", title: said }, ` ${sayShort(localDue(due, state.me.zone), state.today)}`);
}

customElements.define("confirmation-card", ConfirmationCard);
