// A question of an agent that only the person may answer: what would happen, and two buttons of equal weight.
import { decide } from "./deeds.js";
import { make, makeButton, quote } from "./elements.js";
import { state } from "./state.js";
import { toLocal } from "./when.js";

class ConfirmationCard extends HTMLElement {
  /** Show a question; `after` is told the decision once the service has it. */
  show(question, after = () => {}) {
    this.className = "card";
    this.dataset.id = question.id;
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", "A question that waits for you");
    const who = question.origin?.split(":")[1] || "An agent";
    const until = question.expires_at ? `Until ${toLocal(question.expires_at, state.me.zone).slice(11)}.` : "";
    const answer = (decision) => async () => {
      for (const button of this.querySelectorAll("button")) button.disabled = true;
      if (await decide(question, decision)) after(decision);
      else for (const button of this.querySelectorAll("button")) button.disabled = false;
    };
    this.replaceChildren(
      make("p", { class: "lead" }, question.own ? "This needs your word:" : `${who} asks for your word:`),
      list(question.summary),
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

/** Return what would happen; several things are a numbered list. */
function list(summary) {
  const lines = summary
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  if (lines.length > 1)
    return make("ol", {}, ...lines.map((line) => make("li", {}, quote(line.replace(/^\d+[.)]\s*/, "")))));
  const titles = summary.match(/"[^"]+"/g) ?? [];
  if (titles.length < 2) return make("p", {}, quote(summary));
  const [lead] = summary.split('"', 1);
  const rest = summary.slice(summary.lastIndexOf('"') + 1).trim();
  return make(
    "div",
    {},
    make("p", {}, `${lead.trim()}:`),
    make(
      "ol",
      {},
      ...titles.map((title) => make("li", {}, quote(title.slice(1, -1)))),
      rest && make("li", { class: "rest" }, rest),
    ),
  );
}

customElements.define("confirmation-card", ConfirmationCard);
