// The part of a task's detail on how it repeats: the rule in words, the next dates, skip, pause and end.
import { editSeries, remove, repeat } from "../data/actions.js";
import { make, makeButton } from "../text/elements.js";
import { state } from "../data/state.js";
import { localDue, sayShort } from "../text/when.js";
import { now, part } from "./task-fields.js";
import { makeWordField } from "./word-field.js";

const SHOWN = 5;

/** Return the part; `series` is undefined for a task that comes once. */
export function drawRepeats(task, series, occurrences) {
  const rule = series?.recurrence?.rule_text ?? "";
  const field = makeWordField({
    label: "Repeats",
    value: rule,
    placeholder: "every monday at 18:00",
    write: (words) => `"x" ${words}`,
    take: (reading) => (reading.rule && reading.title === "x" ? { rule: reading.rule } : null),
    save: ({ rule: written }, reading) => {
      const more = reading.first_due ? { first_due: reading.first_due } : {};
      if (series) editSeries(series, { rule: written, ...more });
      else repeat(now(task), written, task.due ? {} : more);
    },
  });
  if (!series?.recurrence) return part("Repeats", field);
  const { paused } = series.recurrence;
  const on = (text, fields, note) =>
    makeButton(text, () => editSeries(series, fields), { class: "quiet", title: note });
  const dates = occurrences.slice(0, SHOWN).map((each) => sayShort(localDue(each.due, state.me.zone), state.today));
  return part(
    "Repeats",
    field,
    make("p", { class: "preview" }, paused ? "Paused: no date comes." : dates.length ? `Next: ${dates.join(", ")} …` : ""),
    make(
      "div",
      { class: "choices" },
      on("Skip next", { skip: "1" }, "Leave the next occurrence out"),
      on(paused ? "Go on" : "Pause", { paused: !paused }, "For all that come"),
      makeButton("End", () => remove(series), { class: "quiet danger", title: "Delete all that are open; those done stay" }),
    ),
  );
}
