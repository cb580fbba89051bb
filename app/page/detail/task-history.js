// What happened to a task, in words: who did what and when, each change with its way back.
import { forgetHistory, undo } from "../data/actions.js";
import { make, makeButton } from "../text/elements.js";
import { state } from "../data/state.js";
import { tellEntry } from "../text/change-sentences.js";
import { addDays, sayShort, toLocal } from "../text/when.js";
import { part } from "./task-fields.js";

const AT_ONCE = 6;

/** Return the part; the newest come first, the others on demand. */
export function drawHistory(task, { history, cut }, again) {
  if (!history) return null;
  const list = make("ol", { class: "plain history" });
  const fill = (count) =>
    list.replaceChildren(
      ...history.slice(0, count).map((entry) => {
        const at = sayShort(toLocal(entry.at, state.me.zone), state.today);
        const words = tellEntry(entry, history, { zone: state.me.zone, today: state.today });
        const back = () => undo({ change_id: entry.change_id });
        const canUndo = entry.change_id && !entry.undone_by && entry.kind !== "undo" && entry.actor.kind !== "scheduler";
        return make(
          "li",
          { class: entry.undone_by ? "undone" : "" },
          make("span", {}, ...words),
          make("span", { class: "fact" }, ` ${at}`),
          canUndo &&
            makeButton("↶", back, { class: "quiet", "aria-label": `Take back: ${words.map((word) => word.textContent ?? word).join("")}`, title: "Take it back" }),
        );
      }),
    );
  fill(AT_ONCE);
  const more = history.length > AT_ONCE ? makeButton(`${AT_ONCE} of ${history.length}${cut ? " newest" : ""} · Show all`, () => (fill(Infinity), more.remove()), { class: "quiet rest" }) : null;
  return part("History", list, more, drawForgetting(task, again));
}

const AGES = [
  [30, "a month"],
  [365, "a year"],
  [2, "two days"],
];

/** Return the choice to forget what is older; it is asked for twice, since nothing brings it back. */
function drawForgetting(task, again) {
  const age = make("select", { "aria-label": "Older than" }, ...AGES.map(([days, name]) => make("option", { value: days }, name)));
  const forget = () => forgetHistory(task, addDays(state.today, -Number(age.value))).then((count) => count && again());
  const sure = makeButton("Forget it for good", forget, { class: "quiet" });
  return make("details", { class: "forgetting" }, make("summary", {}, "Forget what is older …"), make("span", { class: "acts" }, age, sure));
}
