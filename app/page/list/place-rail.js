// The rail of views and lists at the side, with how many open tasks each has, and the menu of each list.
import { VIEWS, countPlaces, listLists, readPlace } from "../data/places.js";
import { addList } from "../data/actions.js";
import { makeListButton } from "./list-menu.js";
import { arrange, isComposing, make, makeButton, quote, sayCount, setText } from "../text/elements.js";
import { state } from "../data/state.js";

class PlaceRail extends HTMLElement {
  #links = new Map();
  /** The boxes of the lists: the link, and the button of the menu. */
  #boxes = new Map();
  #lists = make("div", { role: "group", "aria-label": "Lists", class: "lists" });
  #adds = makeButton("+ list", () => this.#write(), { class: "quiet", hidden: true });
  #field = null;

  connectedCallback() {
    const nav = make("nav", { "aria-label": "Views" }, ...VIEWS.map(([name, words]) => this.#link(`#${name}`, words)));
    this.append(nav, this.#lists, this.#adds);
    state.addEventListener("change", () => this.#draw());
    addEventListener("hashchange", () => this.#draw());
    this.addEventListener("click", (event) => event.target.closest("a") && document.body.classList.remove("railed"));
  }

  #link(address, words) {
    if (!this.#links.has(address)) {
      const count = make("span", { class: "count" });
      this.#links.set(address, make("a", { href: address }, quote(words), count));
    }
    return this.#links.get(address);
  }

  #draw() {
    if (!state.loaded) return;
    const counts = countPlaces();
    const place = readPlace();
    for (const [name] of VIEWS) this.#show(`#${name}`, name === place.name, name in counts ? counts[name] : 0);
    const lists = listLists().filter((each) => !each.archived);
    const links = [this.#link("#inbox", "Inbox")];
    this.#show("#inbox", place.name === "inbox", counts.inbox);
    for (const list of lists) {
      const { id, name } = list;
      const address = `#list=${encodeURIComponent(id)}`;
      const link = this.#link(address, name);
      setText(link.firstChild, name);
      // The service counts subtasks too, which are seen in the tasks above them.
      this.#show(address, place.list === id, state.unseen ? list.open : (counts.lists.get(id) ?? 0));
      links.push(this.#box(list, link));
    }
    arrange(this.#lists, links);
    this.#adds.hidden = Boolean(this.#field);
  }

  #box(list, link) {
    if (!this.#boxes.has(list.id)) {
      const button = makeListButton(() => listLists().find((each) => each.id === list.id) ?? list, "");
      this.#boxes.set(list.id, make("div", { class: "listed" }, link, button));
    }
    const box = this.#boxes.get(list.id);
    const label = `More for the list ${list.name}`;
    if (box.lastChild.ariaLabel !== label) box.lastChild.setAttribute("aria-label", label);
    return box;
  }

  #show(address, current, count) {
    const link = this.#links.get(address);
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    setText(link.lastChild, count ? sayCount(count) : "");
  }

  #write() {
    this.#adds.hidden = true;
    this.#field = make("input", { "aria-label": "Name of the new list", placeholder: "Garden", maxlength: 64, dir: "auto" });
    const end = async (keep) => {
      const name = this.#field?.value.trim();
      this.#field?.remove();
      this.#field = null;
      this.#adds.hidden = false;
      const made = keep && name ? await addList(name) : null;
      this.#adds.focus();
      // What one has just made is what one wants to fill.
      if (made) location.hash = `list=${encodeURIComponent(made)}`;
    };
    this.#field.addEventListener("keydown", (event) => {
      if (isComposing(event)) return;
      if (event.key === "Enter") end(true);
      if (event.key === "Escape") end(false);
      if (event.key === "Escape") event.stopPropagation();
    });
    this.append(this.#field);
    this.#field.focus();
  }
}

customElements.define("place-rail", PlaceRail);
