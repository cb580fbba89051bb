// What the panels under "me" have in common: a secret that is shown once, and actions that say why they failed.
import { make, makeButton } from "../text/elements.js";
import { state } from "../data/state.js";

/** Return a box with a value that is shown only now, and a button that copies it. */
export function drawShownOnce(value, label, words) {
  const shown = make("input", { readonly: true, value, "aria-label": label });
  const copy = () => navigator.clipboard.writeText(value).then(() => state.say("Copied."));
  return make(
    "div",
    { class: "made" },
    make("p", {}, words),
    make("span", { class: "acts" }, shown, makeButton("Copy", copy, { class: "quiet" })),
  );
}

/** Do something; a refusal is said at the foot. */
export async function tryOrSay(act) {
  try {
    await act();
  } catch (problem) {
    state.say(problem.message, true);
  }
}
