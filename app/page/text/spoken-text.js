// A message as paragraphs, lists and emphasis, built of text nodes only: a model's markup stays text.
import { make } from "./elements.js";

const ITEM = /^\s*(?:[-*•]|(\d+)[.)])\s+/;

/** Return the elements of a text. */
export function layOut(text) {
  const blocks = [];
  let list = null;
  let lines = [];
  const close = () => {
    if (lines.length)
      blocks.push(
        make(
          "p",
          { dir: "auto" },
          ...lines.flatMap((line, index) => (index ? [make("br"), ...emphasise(line)] : emphasise(line))),
        ),
      );
    lines = [];
  };
  for (const line of text.split("\n")) {
    const item = ITEM.exec(line);
    if (item) {
      close();
      const kind = item[1] ? "OL" : "UL";
      if (list?.tagName !== kind) blocks.push((list = make(kind.toLowerCase(), item[1] ? { start: item[1] } : {})));
      list.append(make("li", { dir: "auto" }, ...emphasise(line.slice(item[0].length))));
      continue;
    }
    if (!line.trim()) {
      close();
      if (lines.length) list = null;
      continue;
    }
    list = null;
    lines.push(line.replace(/^#{1,6} /, ""));
  }
  close();
  return blocks;
}

function emphasise(line) {
  return line
    .split(/(\*\*[^*]+\*\*|`[^`]+`)/)
    .filter(Boolean)
    .map((part) => {
      if (part.startsWith("**") && part.length > 4) return make("strong", {}, part.slice(2, -2));
      if (part.startsWith("`") && part.length > 2) return make("code", {}, part.slice(1, -1));
      return part;
    });
}
