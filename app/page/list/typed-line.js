// What the service reads of a typed line, and the line without the parts that were taken off.
import { call } from "../data/service.js";

const MAKING = ["due", "start", "rule", "first_due", "mode", "reminders", "tags", "priority", "list"];
const TIMED = ["due", "rule"];

/** Return the service's reading of a line; null where it cannot be asked. */
export async function readTyped(text) {
  if (!text.trim()) return null;
  return call("POST", "/api/read", { body: { text } }).catch(() => null);
}

/** Return the name under which a part stays taken off while the rest of its line is written. */
export function nameSpan(span) {
  return `${span.field}\n${span.text}`;
}

/** Return the fields of the task that a line makes, without the parts in `off`. */
export function writeFields(text, reading, off) {
  if (!reading) return { title: text.trim() };
  const fields = { title: reading.title };
  for (const name of MAKING) if (reading[name] !== undefined) fields[name] = reading[name];
  const taken = reading.spans.filter((span) => span.field !== "unread");
  const kept = taken.filter((span) => !off.has(nameSpan(span)));
  if (kept.length === taken.length) return fields;
  fields.title = cutSpans(text, kept);
  const has = (name) => kept.some((span) => span.field === name);
  for (const name of ["priority", "list", "start", "due"]) if (!has(name)) delete fields[name];
  if (!has("rule")) for (const name of ["rule", "first_due", "mode"]) delete fields[name];
  for (const name of ["tags", "reminders"]) {
    const values = kept.filter((span) => span.field === name).flatMap((span) => span.value ?? []);
    if (values.length) fields[name] = [...new Set(values)];
    else delete fields[name];
  }
  // What counts back from a due needs one.
  if (!TIMED.some(has)) {
    fields.reminders = fields.reminders?.filter((each) => each.includes("T"));
    if (!fields.reminders?.length) delete fields.reminders;
  }
  return fields;
}

/** Return a text without its spans; these are counted in characters, not in units of UTF-16. */
function cutSpans(text, spans) {
  const marks = Array.from(text);
  for (const { from, to } of spans) marks.fill(" ", from, to);
  return marks.join("").replace(/\s+/g, " ").trim().replace(/[,;:]$/, "");
}
