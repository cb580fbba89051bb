// Refusals of the service in words for the person at the page; programs read the same ones as they are.

const QUOTED = /(“[^”]*”|"[^"]*")/;
const PROGRAMS = /\b[a-z]+(?:_[a-z]+)+\b/;

const SAID = {
  task_not_found: () => "This task is not there any more. If it was deleted, Undo (z) brings it back.",
  rule_invalid: (detail) =>
    detail.includes("NAME=VALUE") && "That is no rule, such as FREQ=MONTHLY;BYDAY=-1FR. Words such as “every other tuesday” are read where a task is opened.",
  invalid_time: (detail) => /IANA/.test(detail) && "There is no such time zone. Choose one of the list, such as Europe/Berlin.",
};

/** Return a refusal's sentence without what only programs can follow: names of tools and of arguments. */
export function sayRefusal(code, detail) {
  const own = SAID[code]?.(detail);
  if (own) return own;
  const sentences = detail.split(/(?<=[.!?])\s+(?=[\p{Lu}“"])/u);
  const plain = sentences.filter((sentence) => !PROGRAMS.test(cutQuoted(sentence)));
  if (plain.length) return plain.join(" ");
  // What nothing else says is said with blanks.
  const parts = detail.split(QUOTED).map((part, index) => (index % 2 ? part : part.replaceAll("_", " ")));
  return parts.join("");
}

function cutQuoted(sentence) {
  return sentence
    .split(QUOTED)
    .filter((_, index) => index % 2 === 0)
    .join("");
}
