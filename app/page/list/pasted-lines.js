// Several lines that are pasted into the add line: each can become a task, all of them as one change.
import { addSeveral } from "../data/actions.js";
import { make, makeButton, quote } from "../text/elements.js";
import { readTyped, writeFields } from "./typed-line.js";

const MOST = 100;
const SHOWN = 3;
const MARK = /^\s*(?:[-*•–]|\d{1,3}[.)]|\[[ x]?\]|[☐☑])\s+/i;

/** Return the lines of a text that may be tasks, without the marks of a list. */
export function cutLines(text) {
  const clean = (line) => line.replace(MARK, "").replace(MARK, "").trim();
  return text.split(/\r\n|\r|\n/).map(clean).filter(Boolean);
}

/** Ask in `box` what is to become of the lines; `place` are fields of each, `write(text)` puts them into one line. */
export function askForLines(lines, { box, place, write }) {
  const titles = lines.slice(0, SHOWN).flatMap((line, index) => [index ? ", " : "", "“", quote(line), "”"]);
  const rest = lines.length > SHOWN ? ` and ${lines.length - SHOWN} more` : "";
  const many = lines.length > MOST;
  const said = many ? `${lines.length} lines are pasted; at most ${MOST} become tasks at once.` : null;
  const yes = makeButton(`Add ${lines.length} tasks`, () => save(), { class: "quiet", disabled: many });
  const end = () => {
    row.remove();
    write(null);
  };
  const one = makeButton("As one line", () => (row.remove(), write(lines.join(" "))), { class: "quiet" });
  const no = makeButton("×", end, { class: "quiet", "aria-label": "Put the lines away" });
  const row = make(
    "p",
    { class: "pasted", role: "group", "aria-label": `${lines.length} lines` },
    make("span", {}, ...(said ? [said] : [...titles, rest])),
    yes,
    one,
    no,
  );
  row.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    end();
  });
  const save = async () => {
    yes.disabled = true;
    const readings = await Promise.all(lines.map((line) => readTyped(line)));
    const none = new Set();
    const fields = lines.map((line, index) => ({ ...place, ...writeFields(line, readings[index], none) }));
    if (await addSeveral(fields)) end();
    else yes.disabled = false;
  };
  box.append(row);
  (many ? one : yes).focus();
}
