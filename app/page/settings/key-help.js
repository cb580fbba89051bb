// The keys, all of them, for who asks with a question mark.
import { make } from "../text/elements.js";

const KEYS = [
  ["/", "write in the conversation"],
  ["n", "new task"],
  ["j k ↓ ↑", "next task, the one before"],
  ["Space", "complete it"],
  ["Enter", "open it; Esc closes"],
  ["e", "edit its title"],
  ["m", "its menu"],
  ["t w", "move it to today, to next week"],
  ["H L", "a day earlier, a day later"],
  ["1 2 3 4", "priority high, medium, low, none"],
  ["x", "choose it"],
  ["J K", "choose on, also Shift ↓ ↑"],
  ["[", "fold the conversation"],
  ["z", "take the last change back"],
  ["Shift Z", "do it again"],
  ["u", "the last changes"],
  ["s", "search"],
  ["Ctrl K", "go to anything, do anything; on a Mac ⌘ K"],
  ["F6", "next part of the page"],
  ["← →", "along a row"],
  ["?", "these keys"],
];

class KeyHelp extends HTMLElement {
  connectedCallback() {
    const lines = KEYS.flatMap(([keys, said]) => [
      make("dt", {}, ...keys.split(/(?<!Shift|Ctrl) /).map((key) => make("kbd", {}, key))),
      make("dd", {}, said),
    ]);
    this.append(make("dl", {}, ...lines));
  }
}

customElements.define("key-help", KeyHelp);
