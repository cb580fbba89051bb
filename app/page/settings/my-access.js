// Who I am here: my tokens for programs and agents, and signing out.
import { make, makeButton } from "../text/elements.js";
import { call } from "../data/service.js";
import { readSession, signOut } from "../data/session.js";
import { drawShownOnce, tryOrSay } from "./panel-parts.js";

const RIGHTS = [
  ["tasks:delete", "read, change and delete tasks"],
  ["tasks:write", "read and change tasks"],
  ["tasks:read", "only read tasks"],
];

/** Return what a token or a connection may do, in words. */
export function sayRights(scopes) {
  const right = RIGHTS.find(([scope]) => scopes.includes(scope));
  const more = scopes.filter((scope) => !scope.startsWith("tasks:"));
  return [right?.[1], ...more].filter(Boolean).join(", ");
}

/** Return what binds a token to lists, in words; empty for a token for all lists. */
function sayLists(lists) {
  return lists?.length ? `only in ${lists.map(({ name }) => name ?? "a deleted list").join(", ")}` : "";
}

class MyAccess extends HTMLElement {
  #made = null;
  #lists = [];

  /** Show the tokens of whoever is signed in; nothing where nobody signs in. */
  async open() {
    this.#made = null;
    await this.#load();
  }

  async #load() {
    const session = await readSession().catch(() => ({}));
    if (session.auth !== "token" || !session.signed_in) {
      this.replaceChildren();
      return;
    }
    const mayDecide = session.scopes.includes("confirm");
    const { tokens } = mayDecide ? await call("GET", "/api/tokens") : { tokens: [] };
    if (mayDecide) this.#lists = (await call("GET", "/api/lists")).lists;
    this.replaceChildren(
      make(
        "div",
        { class: "acts" },
        make("p", {}, `Signed in as ${session.name}.`),
        makeButton("Sign out", () => tryOrSay(() => signOut(false)), { class: "quiet" }),
        makeButton("Sign out everywhere", () => tryOrSay(() => signOut(true)), { class: "quiet" }),
      ),
      ...(mayDecide ? this.#drawTokens(tokens) : []),
    );
  }

  #drawTokens(tokens) {
    const list = tokens.map((token) =>
      make(
        "li",
        {},
        make("span", {}, token.name || "without a name"),
        make("span", { class: "fact" }, [sayRights(token.scopes), sayLists(token.lists)].filter(Boolean).join(", ")),
        make("span", { class: "fact" }, token.last_used_at ? `used ${token.last_used_at.slice(0, 10)}` : "never used"),
        makeButton("Revoke", () => this.#revoke(token), { class: "quiet", "aria-label": `Revoke ${token.name}` }),
      ),
    );
    return [
      make("h3", {}, "Tokens for programs and agents"),
      tokens.length ? make("ul", { class: "tokens" }, ...list) : make("p", { class: "fact" }, "None yet."),
      this.#made ? this.#drawMade() : null,
      this.#drawForm(),
    ].filter(Boolean);
  }

  #drawMade() {
    const words = "This is shown only now. Give it to that program alone.";
    return drawShownOnce(this.#made.token, "The new token", words);
  }

  #drawForm() {
    const name = make("input", { maxlength: "64", required: true, autocomplete: "off", placeholder: "my laptop" });
    const may = make("select", {}, ...RIGHTS.map(([scope, words]) => make("option", { value: scope }, words)));
    const names = this.#lists.length ? ["", ...this.#lists.map((list) => list.name), "inbox"] : [];
    const within = make("select", {}, ...names.map((each) => make("option", { value: each }, each || "all lists")));
    const submit = (event) => {
      event.preventDefault();
      tryOrSay(async () => {
        const bound = within.value ? { lists: [within.value] } : {};
        const body = { name: name.value.trim(), scopes: [may.value], ...bound };
        this.#made = await call("POST", "/api/tokens", { body });
        await this.#load();
        this.querySelector(".made input").select();
      });
    };
    return make(
      "form",
      { submit },
      make("label", {}, "For", name),
      make("label", {}, "It may", may),
      names.length ? make("label", {}, "It sees", within) : null,
      make("button", { type: "submit" }, "Make a token"),
    );
  }

  #revoke(token) {
    return tryOrSay(async () => {
      await call("DELETE", `/api/tokens/${token.id}`);
      if (this.#made?.id === token.id) this.#made = null;
      await this.#load();
    });
  }
}

customElements.define("my-access", MyAccess);
