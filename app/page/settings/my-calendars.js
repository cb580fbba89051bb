// My tasks in a calendar program, at an address that only I know.
import { make, makeButton } from "../text/elements.js";
import { call } from "../data/service.js";
import { drawShownOnce, tryOrSay } from "./panel-parts.js";

class MyCalendars extends HTMLElement {
  #made = null;

  /** Show the feeds; nothing where this session may not make any. */
  async open() {
    this.#made = null;
    await this.#load();
  }

  async #load() {
    let calendars;
    try {
      ({ calendars } = await call("GET", "/api/calendars"));
    } catch {
      this.replaceChildren();
      return;
    }
    this.replaceChildren(
      make("h3", {}, "In my calendar"),
      ...(calendars.length ? [make("ul", { class: "tokens" }, ...calendars.map((each) => this.#draw(each)))] : []),
      ...(this.#made ? [this.#drawMade()] : []),
      this.#drawForm(),
    );
  }

  #draw(calendar) {
    const facts = [...calendar.tags.map((tag) => `#${tag}`), calendar.done && "with what is done"].filter(Boolean);
    return make(
      "li",
      {},
      make("span", {}, calendar.name),
      make("span", { class: "fact" }, facts.join(", ")),
      makeButton("End", () => this.#end(calendar), { class: "quiet", "aria-label": `End ${calendar.name}` }),
    );
  }

  #drawMade() {
    const words = "Subscribe to this address in your calendar. It is shown only now, and who has it can read on.";
    return drawShownOnce(this.#made.url, "The address", words);
  }

  #drawForm() {
    const name = make("input", { maxlength: "64", required: true, autocomplete: "off", value: "Tasks" });
    const tag = make("input", { maxlength: "50", autocomplete: "off", placeholder: "all tasks" });
    const submit = (event) => {
      event.preventDefault();
      const tags = tag.value.trim() ? [tag.value.trim()] : [];
      tryOrSay(async () => {
        this.#made = await call("POST", "/api/calendars", { body: { name: name.value.trim(), tags } });
        await this.#load();
        this.querySelector(".made input").select();
      });
    };
    return make(
      "form",
      { submit },
      make("label", {}, "Calendar", name),
      make("label", {}, "Only with the tag", tag),
      make("button", { type: "submit" }, "Make an address"),
    );
  }

  #end(calendar) {
    return tryOrSay(async () => {
      await call("DELETE", `/api/calendars/${calendar.id}`);
      if (this.#made?.id === calendar.id) this.#made = null;
      await this.#load();
    });
  }
}

customElements.define("my-calendars", MyCalendars);
