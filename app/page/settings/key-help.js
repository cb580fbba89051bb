// The keys, all of them, for who asks with a question mark.
import { make } from "../text/elements.js";

const KEYS = [
  ["/", "write in the conversation"],
  ["n", "new task"],
  ["j k ↓ ↑", "next task, the one before"],
  ["Space", "complete it"],
  ["e", "edit its title"],
  ["m", "its menu"],
  ["z", "take the last change back"],
  ["Shift Z", "do it again"],
  ["s", "search"],
  ["?", "these keys"],
];

class KeyHelp extends HTMLElement {
  connectedCallback() {
    const lines = KEYS.flatMap(([keys, said]) => [
      make("dt", {}, ...keys.split(/ (?!Z)/).map((key) => make("kbd", {}, key))),
      make("dd", {}, said),
    ]);
    this.append(make("dl", {}, ...lines));
  }
}

customElements.define("key-help", KeyHelp);
