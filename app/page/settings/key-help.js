// The keys, all of them and what the mouse does, in groups, for who asks with a question mark.
import { make } from "../text/elements.js";

const GROUPS = {
  Go: [
    ["j k ↓ ↑", "next task, the one before"],
    ["← →", "along a row"],
    ["Enter", "open; Esc closes"],
    ["s", "search"],
    ["< >", "the week before, after"],
    ["F6", "next part of the page"],
  ],
  Do: [
    ["n", "new task"],
    ["Space", "complete"],
    ["e F2", "rename; or two clicks"],
    ["t w", "to today, to next week"],
    ["H L", "a day earlier, later"],
    ["1 2 3 4", "priority high … none"],
    ["m", "the menu of the task"],
  ],
  "Several at once": [
    ["x", "choose; or Shift-click"],
    ["J K", "choose on; or Shift ↓ ↑"],
    ["Esc", "let all go"],
  ],
  Everywhere: [
    ["z", "take the last change back"],
    ["Shift Z", "do it again"],
    ["u", "the last changes"],
    ["/", "write in the conversation"],
    ["[", "fold the conversation"],
    ["Ctrl K", "go anywhere, do anything (Mac: ⌘ K)"],
    ["?", "these keys"],
  ],
};

class KeyHelp extends HTMLElement {
  connectedCallback() {
    for (const [name, keys] of Object.entries(GROUPS)) {
      const id = `keys-${name.toLowerCase().replaceAll(" ", "-")}`;
      this.append(make("section", { "aria-labelledby": id }, make("h3", { id }, name), make("dl", {}, ...keys.flatMap(drawKey))));
    }
  }
}

function drawKey([keys, said]) {
  return [
    make("dt", {}, ...keys.split(/(?<!Shift|Ctrl) /).map((key) => make("kbd", {}, key))),
    make("dd", {}, said),
  ];
}

customElements.define("key-help", KeyHelp);
