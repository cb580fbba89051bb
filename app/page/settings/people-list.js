// The people of this service, for an admin: who there is, invitations, and closing the door.
import { make, makeButton } from "../text/elements.js";
import { call } from "../data/service.js";
import { readSession } from "../data/session.js";
import { drawShownOnce, tryOrSay } from "./panel-parts.js";

class PeopleList extends HTMLElement {
  #invitation = null;

  /** Show everybody to an admin, and nothing to others. */
  async open() {
    this.#invitation = null;
    await this.#load();
  }

  async #load() {
    const session = await readSession().catch(() => ({}));
    if (!session.scopes?.includes("admin")) {
      this.replaceChildren();
      return;
    }
    const { people } = await call("GET", "/api/people");
    this.replaceChildren(
      make("h3", {}, "People"),
      make("ul", { class: "tokens" }, ...people.map((person) => this.#drawPerson(person, session.name))),
      ...(this.#invitation ? [this.#drawInvitation()] : []),
      this.#drawForm(),
    );
  }

  #drawPerson(person, own) {
    const path = `/api/people/${encodeURIComponent(person.name)}`;
    const toggle = () => this.#try(() => call("PATCH", path, { body: { disabled: !person.disabled } }));
    const invite = () => this.#keep(person.name, () => call("POST", `${path}/invitations`));
    const facts = [`${person.open} open`, person.admin && "admin", person.disabled && "disabled"].filter(Boolean);
    const acts =
      person.name === own
        ? []
        : [
            makeButton("Invite", invite, { class: "quiet", "aria-label": `Invite ${person.name}` }),
            makeButton(person.disabled ? "Enable" : "Disable", toggle, {
              class: "quiet",
              "aria-label": `${person.disabled ? "Enable" : "Disable"} ${person.name}`,
            }),
          ];
    return make("li", {}, make("span", {}, person.name), make("span", { class: "fact" }, facts.join(", ")), ...acts);
  }

  #drawInvitation() {
    const { name, link } = this.#invitation;
    const words = `Send this link to ${name}. It works once, within three days, and is shown only now.`;
    return drawShownOnce(link, `The invitation for ${name}`, words);
  }

  #drawForm() {
    const name = make("input", { maxlength: "64", required: true, autocomplete: "off" });
    const submit = (event) => {
      event.preventDefault();
      const wanted = name.value.trim();
      this.#keep(wanted, () => call("POST", "/api/people", { body: { name: wanted } }));
    };
    return make("form", { submit }, make("label", {}, "Name", name), make("button", { type: "submit" }, "Add a person"));
  }

  #keep(name, act) {
    return this.#try(async () => {
      this.#invitation = { name, link: (await act()).invitation };
    });
  }

  #try(act) {
    return tryOrSay(async () => {
      await act();
      await this.#load();
    });
  }
}

customElements.define("people-list", PeopleList);
