// A message as paragraphs, lists and emphasis, built of text nodes only: a model's markup stays text.
import { make } from "./elements.js";

const ITEM = /^\s*(?:[-*•]|(\d+)[.)])\s+/;
const MARKS = /[*`#]/;

/** Return the elements of a text; `titles` stand in it as they are written. */
export function layOut(text, titles = []) {
  const written = titles.filter((title) => MARKS.test(title)).sort((one, other) => other.length - one.length);
  const emphasise = (line) => emphasiseAround(line, written);
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
    lines.push(written.some((title) => line.startsWith(title)) ? line : line.replace(/^#{1,6} /, ""));
  }
  close();
  return blocks;
}

function emphasiseAround(line, written) {
  const title = written.find((each) => line.includes(each));
  if (!title) return emphasise(line);
  // Nothing may begin in a title and end beside it, so each side is read for itself.
  const at = line.indexOf(title);
  const [before, after] = [line.slice(0, at), line.slice(at + title.length)];
  return [...emphasiseAround(before, written), title, ...emphasiseAround(after, written)].filter(Boolean);
}

function emphasise(line) {
  // As in CommonMark, emphasis neither begins before a blank nor ends after one: `2 ** 3 ** 4` has none. Quotations
  // stay as they are.
  return line
    .split(/(“[^”]*”|"[^"]*"|\*\*(?![\s*])[^*]*[^\s*]\*\*(?!\*)|(?<!`)`(?![\s`])(?:[^`]*[^`\s])?`(?!`))/)
    .filter(Boolean)
    .map((part) => {
      if (/^\*\*[^*]+\*\*$/.test(part)) return make("strong", {}, part.slice(2, -2));
      if (/^`[^`]+`$/.test(part)) return make("code", {}, part.slice(1, -1));
      return part;
    });
}
