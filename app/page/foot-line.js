// The line at the foot: the last change, its actor and its undo; or that the service is out of reach.
import "./change-list.js";
import { doAgain, takeBack, undoAll } from "./data/actions.js";
import { leadBack } from "./data/opening.js";
import { make, makeButton } from "./text/elements.js";
import { state } from "./data/state.js";
import { groupChanges, tellChange, tellGroup } from "./text/change-sentences.js";
import { sayMoment } from "./text/when.js";

class FootLine extends HTMLElement {
  #text = make("p", { role: "status", "aria-live": "polite" });
  #back = makeButton("Undo", () => leadBack(takeBack), { class: "quiet", title: "Take it back (z)" });
  #again = makeButton("Redo", () => leadBack(doAgain), { class: "quiet", title: "Do it again (Shift Z)", hidden: true });
  #all = makeButton("Undo all", () => undoAll(this.#group), { class: "quiet", hidden: true });
  #memory = makeButton("Changes", () => document.querySelector("change-list").toggle(), {
    class: "quiet memory",
    "aria-expanded": "false",
    title: "The last changes (u)",
  });
  #change;
  /** What the last actor did of one kind within a minute. */
  #group = [];
  #drawn = "";

  connectedCallback() {
    this.append(this.#text, this.#all, this.#back, this.#again, this.#memory);
    state.addEventListener("change", () => this.#draw());
  }

  #draw() {
    this.#change = state.redoable ?? state.undoable;
    const [group = []] = groupChanges(state.changes);
    const isMany = group.length > 1 && group[0].actor.kind === "agent" && !group[0].undone_by;
    this.#group = isMany ? group : [];
    this.#all.hidden = !isMany || !state.connected || Boolean(state.said);
    this.#memory.hidden = !state.changes.length;
    this.#back.hidden = !state.undoable || !state.connected;
    this.#again.hidden = !state.redoable || !state.connected;
    this.classList.toggle("lost", !state.connected);
    this.classList.toggle("bad", state.connected && Boolean(state.said?.bad));
    const parts = this.#tell();
    const looks = parts.map((part) => part.textContent ?? part).join("");
    if (looks === this.#drawn) return;
    this.#drawn = looks;
    this.#text.replaceChildren(...parts);
  }

  #tell() {
    if (!state.connected) {
      const refused = state.said?.bad ? `${state.said.text} ` : "";
      const since = state.knownAt ? `, from ${sayMoment(state.knownAt, state.me.zone)}` : "";
      const count = state.waiting.length;
      const waits = count ? ` ${count} new task${count > 1 ? "s wait" : " waits"} here until then.` : "";
      return [`${refused}Connection lost. What you see is the last known${since}; it comes back by itself.${waits}`];
    }
    if (state.said) return [state.said.text];
    const [last] = state.changes;
    if (!last) return [""];
    if (this.#group.length) return tellGroup(this.#group, state.changes, { zone: state.me.zone, today: state.today });
    // The button undoes the change beside it.
    const shown = last.kind === "make_instances" ? (this.#change ?? last) : last;
    return tellChange(shown, state.changes, { zone: state.me.zone, today: state.today });
  }
}

customElements.define("foot-line", FootLine);
