// A field that reads words of time as the add line does: what was read is said under it, and Enter takes it.
import { call } from "../data/service.js";
import { isComposing, make } from "../text/elements.js";
import { sayLead, sayShort } from "../text/when.js";
import { state } from "../data/state.js";

const PAUSE = 150;

/**
 * Return a form with one field. `write(words)` puts the words into a line that the service reads, `take(reading)`
 * returns the fields that it was read as, or null; `save(fields, reading)` saves them. An empty field saves `empty`.
 */
export function makeWordField({ label, value = "", placeholder, write, take, save, empty = null, button = "Save" }) {
  const said = make("p", { class: "preview", role: "status" });
  const field = make("input", { "aria-label": label, value, placeholder, dir: "auto", autocomplete: "off", maxlength: 120 });
  const send = make("button", { type: "submit", hidden: true }, button);
  field.dataset.before = value;
  let turn = 0;
  let known = null;
  const read = async () => {
    const mine = ++turn;
    const words = field.value.trim();
    send.hidden = words === value;
    known = null;
    said.textContent = "";
    said.classList.remove("bad");
    if (!words || words === value) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    if (mine !== turn) return;
    await look(words, mine);
  };
  const look = async (words, mine) => {
    const reading = await call("POST", "/api/read", { body: { text: write(words) } }).catch((problem) => ({ problem }));
    if (mine !== turn) return;
    const fields = reading.problem ? null : take(reading);
    known = fields && { fields, reading };
    const reason = reading.problem?.message ?? reading.spans.find((span) => span.reason)?.reason;
    said.textContent = fields
      ? sayRead(fields, reading)
      : (reason ?? "That is not understood.").replace(" It stays in the title.", "").replace(": it stays in the title.", ".");
    said.classList.toggle("bad", !fields);
  };
  const submit = async (event) => {
    event.preventDefault();
    const words = field.value.trim();
    if (words === value) return;
    if (!words) {
      if (empty) save(empty, {});
      else field.value = value;
      return;
    }
    if (!known) await look(words, ++turn);
    if (!known) return;
    const { fields, reading } = known;
    field.blur();
    save(fields, reading);
  };
  field.addEventListener("input", read);
  field.addEventListener("keydown", (event) => isComposing(event) && event.key === "Enter" && event.preventDefault());
  return make("form", { class: "worded", submit }, make("div", { class: "line" }, field, send), said);
}

/** Return the field of a due, `local` as it is now; it is saved as `{due}`. */
export function makeDueField(local, save, button) {
  return makeWordField({
    label: "Due",
    value: local ? sayShort(local, state.today) : "",
    placeholder: "friday 5pm",
    write: (words) => `"x" ${words}`,
    take: (reading) => (reading.due && reading.title === "x" ? { due: reading.due } : null),
    save,
    empty: { due: null },
    button,
  });
}

/** Return the field of one more reminder, which is saved as `{at}` or `{before}`; `isAhead` says whether its due is still to come. */
export function makeRemindField(isAhead, save) {
  return makeWordField({
    label: "Remind",
    placeholder: isAhead ? "30 min before" : "tomorrow 9:00",
    button: "Remind",
    // A distance needs a due to count from, whether or not the task has one.
    write: (words) => (/\b(before|ahead|earlier)$/i.test(words) ? `"x" tomorrow at noon remind me ${words}` : `"x" remind me ${words}`),
    take: (reading) => (reading.reminders?.length === 1 ? { reminders: reading.reminders } : null),
    save: ({ reminders: [each] }) => save(each.includes("T") ? { at: each } : { before: each }),
  });
}

function sayRead(fields, reading) {
  if (fields.rule) {
    const dates = (reading.occurrences ?? []).map((each) => sayShort(each.due_local, state.today));
    return `${reading.rule_text}: ${dates.join(", ")} …`;
  }
  if (fields.due) return sayShort(fields.due, state.today);
  if (fields.start) return `from ${sayShort(fields.start, state.today)}`;
  const [reminder] = fields.reminders ?? [];
  return reminder?.includes("T") ? sayShort(reminder, state.today) : sayLead(reminder ?? "0m");
}
