// Where words that were searched for stand in a text: a word is found where one of the text begins with it.

/** The letters that are shown around a word in a long line. */
const AROUND = 60;

/** Return a text without case and accents, of the same length where that can be. */
export function fold(text) {
  return Array.from(text, (mark) => mark.normalize("NFD")[0].toLowerCase()).join("");
}

/** Return where the words stand in a text, `[[from, to]]`; none where folding changes its length. */
export function findWords(text, words) {
  const folded = fold(text);
  if (folded.length !== text.length) return [];
  const places = [];
  for (const word of words) {
    for (let at = folded.indexOf(word); at >= 0; at = folded.indexOf(word, at + word.length)) {
      if (at && /[\p{L}\p{N}]/u.test(folded[at - 1])) continue;
      places.push([at, at + word.length]);
    }
  }
  return places;
}

/** Return the line of a task's notes with the words that its title and tags have not; "" if there is none, null if they have all. */
export function findLine({ title, tags = [], notes = "" }, words) {
  const head = [title, ...tags].join(" ");
  const missing = words.filter((word) => !findWords(head, [word]).length);
  if (!missing.length) return null;
  const line = notes.split("\n").find((each) => findWords(each, missing).length) ?? "";
  const [[at] = [0]] = findWords(line, missing);
  return cutAround(line.trimEnd(), at);
}

/** Return the part of a line around a place, in whole words. */
function cutAround(line, at) {
  if (line.length <= 2 * AROUND) return line.trim();
  const from = at > AROUND ? line.indexOf(" ", at - AROUND) + 1 || at : 0;
  const end = line.length > at + AROUND ? line.lastIndexOf(" ", at + AROUND) : line.length;
  const to = end > at ? end : at + AROUND;
  return `${from ? "…" : ""}${line.slice(from, to).trim()}${to < line.length ? "…" : ""}`;
}
