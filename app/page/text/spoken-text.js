// A message as paragraphs, lists and emphasis, built of text nodes only: a model's markup stays text.
import { make } from "./elements.js";
import { linkText } from "./links.js";

const ITEM = /^\s*(?:[-*•]|(\d+)[.)])\s+/;
const MARKS = /[*`#]/;
const FENCE = /^\s*(```+|~~~+)\s*[\w+-]*\s*$/;
const HEADING = /^(#{1,6}) +(?=\S)/;
const TABLE = /^\s*\|.*\|\s*$/;

/**
 * Return the elements of a text; `titles` stand in it as they are written. `link(title)` makes what leads to the task
 * of a title, `tick(title)` what ticks it where it begins an item of a list, `example(words)` what puts a sentence that
 * may be said into the field; each may return null.
 */
export function layOut(text, { titles = [], link = () => null, tick = () => null, example = () => null } = {}) {
  const longest = [...new Set(titles)].sort((one, other) => other.length - one.length);
  const written = longest.filter((title) => MARKS.test(title));
  const emphasise = (line, isItem) => {
    const named = findNamed(line, longest, isItem);
    if (!named) {
      const isExample = isItem && /^“[^”]+”$/.test(line);
      if (isExample) return [example(line.slice(1, -1)) ?? line];
      return emphasiseAround(line, written).flatMap((part) => offerExamples(part, example));
    }
    const [at, title] = named;
    const before = line.slice(0, at);
    const rest = emphasise(line.slice(at + title.length), false);
    return [...emphasiseAround(before, written), link(title) ?? title, ...rest].filter(Boolean);
  };
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
  let code = null;
  for (const line of text.split("\n")) {
    // A block of code or a table stands as it is written, in letters of one width; while it streams, it has no end yet.
    if (code?.fence) {
      if (line.trim() === code.fence) code = null;
      else code.element.textContent += `${code.element.textContent && "\n"}${line}`;
      continue;
    }
    const fence = FENCE.exec(line)?.[1];
    if (fence || TABLE.test(line)) {
      close();
      list = null;
      if (!fence && code) code.element.textContent += `\n${line}`;
      else {
        code = { fence, element: make("code", {}, fence ? "" : line) };
        blocks.push(make("pre", { tabindex: "0", "aria-label": fence ? "Code" : "Table" }, code.element));
      }
      continue;
    }
    code = null;
    const isNamed = written.some((title) => line.startsWith(title));
    const heading = !isNamed && HEADING.exec(line);
    if (heading) {
      close();
      list = null;
      blocks.push(make("p", { dir: "auto", class: "heading" }, ...emphasise(line.slice(heading[0].length))));
      continue;
    }
    const item = ITEM.exec(line);
    if (item) {
      close();
      const kind = item[1] ? "OL" : "UL";
      if (list?.tagName !== kind) blocks.push((list = make(kind.toLowerCase(), item[1] ? { start: item[1] } : {})));
      const words = line.slice(item[0].length);
      const named = findNamed(words, longest, true);
      const circle = named && tick(named[1]);
      // The item keeps the page's direction, and each title its own: a number and a date stay where they belong.
      const names = { class: circle ? "ticked" : null, value: item[1] ?? null };
      list.append(make("li", names, circle, make("span", {}, ...emphasise(words, true))));
      continue;
    }
    if (!line.trim()) {
      close();
      if (lines.length) list = null;
      continue;
    }
    list = null;
    lines.push(line);
  }
  close();
  return blocks;
}

/** Return a text with the sentences that it proposes to say as `example` makes them: those after "say", "like", "or". */
function offerExamples(part, example) {
  if (typeof part !== "string") return [part];
  let before = "";
  return part.split(/(“[^”]+”)/).map((piece) => {
    const isProposed = piece.startsWith("“") && /(?:\b(?:like|say|or)|[,;:])\s*$/i.test(before);
    before = piece.startsWith("“") ? "" : piece;
    return (isProposed && example(piece.slice(1, -1))) || piece;
  });
}

/** Return where a line names a task, and the title: in quotation marks, or at the beginning of an item. */
function findNamed(line, titles, isItem) {
  let found = null;
  for (const title of titles) {
    const quoted = [`“${title}”`, `"${title}"`].map((each) => line.indexOf(each)).filter((at) => at >= 0);
    const begins = isItem && (line.startsWith(title) || line.startsWith(`**${title}**`)) && endsThere(line, title);
    const at = quoted.length ? Math.min(...quoted) + 1 : begins ? line.indexOf(title) : -1;
    if (at >= 0 && (!found || at < found[0])) found = [at, title];
  }
  return found;
}

/** Return whether a title at the beginning of a line is whole there: "Call" does not begin "Callings". */
function endsThere(line, title) {
  return !/[\p{L}\p{N}]/u.test(line.slice(line.indexOf(title) + title.length)[0] ?? " ");
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
    .flatMap((part) => {
      if (/^\*\*[^*]+\*\*$/.test(part)) return make("strong", {}, part.slice(2, -2));
      if (/^`[^`]+`$/.test(part)) return make("code", {}, part.slice(1, -1));
      return linkText(part);
    });
}
