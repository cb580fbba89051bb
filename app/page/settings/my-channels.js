// Where my reminders reach me outside of this page: browsers, ntfy, e-mail and programs.
import { make, makeButton } from "../text/elements.js";
import { call } from "../data/service.js";
import { askBrowser, isOutside, readSubscription, sayHindrance, subscribe, unsubscribe } from "../data/push.js";
import { state } from "../data/state.js";
import { sayMoment } from "../text/when.js";
import { tryOrSay } from "./panel-parts.js";

const KINDS = {
  ntfy: ["ntfy topic", "the topic's address"],
  email: ["E-mail address", "me@example.org"],
  webhook: ["Webhook", "the program's address"],
  apprise: ["Another service", ""],
};

class MyChannels extends HTMLElement {
  #made = null;

  /** Show the channels, and what could be added. */
  async open() {
    this.#made = null;
    await tryOrSay(() => this.#load());
  }

  async #load() {
    const { channels, kinds, targets = [], vapid_public_key: key } = await call("GET", "/api/channels");
    const here = await readSubscription();
    this.replaceChildren(
      make("h3", {}, "Reminders on other devices"),
      channels.length
        ? make("ul", { class: "tokens" }, ...channels.map((channel) => this.#draw(channel)))
        : make("p", { class: "fact" }, "Nowhere but on this page yet."),
      ...(this.#made?.secret ? [this.#drawSecret()] : []),
      ...this.#drawHere(key, here, channels),
      this.#drawForm(kinds.filter((kind) => kind in KINDS), targets),
    );
  }

  #draw(channel) {
    const { enabled, name } = channel;
    const button = (text, act) => makeButton(text, act, { class: "quiet", "aria-label": `${text}: ${name}` });
    return make(
      "li",
      {},
      make("span", {}, name, make("span", { class: "fact" }, ` ${channel.address}`)),
      isUnconfirmed(channel)
        ? button("Send the link again", () => this.#try(channel, "confirmation"))
        : button("Test", () => this.#try(channel, "test")),
      button(enabled ? "Switch off" : "Switch on", () => this.#change(channel, { enabled: !enabled })),
      button("Delete", () => this.#remove(channel)),
      make("p", { class: channel.problem ? "fact bad" : "fact" }, sayState(channel)),
    );
  }

  #drawSecret() {
    const shown = make("input", { readonly: true, value: this.#made.secret, "aria-label": "The signing secret" });
    return make("div", { class: "made" }, make("p", {}, "The receiver checks with this; it is shown only now."), shown);
  }

  /** This browser is one click away, and the click says what it does. */
  #drawHere(key, here, channels) {
    const hindrance = sayHindrance();
    const outside = this.#drawOutside();
    const known = here && channels.some((channel) => channel.kind === "webpush" && channel.enabled);
    if (known && !hindrance) return [];
    // With a push of its own the browser shows them anyway.
    const add = () => this.#add(() => subscribe(key, nameBrowser()), "This browser shows your reminders now.");
    return [
      make(
        "div",
        { class: "acts" },
        make("p", { class: "fact" }, hindrance || "Reminders can ring in this browser, also while the page is closed."),
        ...(hindrance ? [] : [makeButton("Ring here", add, { class: "quiet" })]),
      ),
      ...outside,
    ];
  }

  /** Whether reminders show outside the page while it is open, to be changed at any time. */
  #drawOutside() {
    if (!window.Notification || Notification.permission === "denied") return [];
    const on = isOutside();
    const change = async () => {
      await askBrowser(!on);
      await tryOrSay(() => this.#load());
    };
    const said = on
      ? "While this page is open, reminders show outside it too."
      : "Reminders show in this page alone, and with it closed nothing rings here.";
    const button = makeButton(on ? "In the page alone" : "Show outside too", change, { class: "quiet" });
    return [make("div", { class: "acts" }, make("p", { class: "fact" }, said), button)];
  }

  #drawForm(kinds, targets) {
    const kind = make("select", {}, ...kinds.map((each) => make("option", { value: each }, KINDS[each][0])));
    const typed = make("input", { required: true, autocomplete: "off", spellcheck: "false" });
    // The operator has set where it may lead: a name is chosen, and no address is typed.
    const chosen = make("select", {}, ...targets.map((name) => make("option", { value: name }, name)));
    const at = make("label", {});
    const pick = () => (kind.value === "apprise" ? chosen : typed);
    const hint = () => {
      at.replaceChildren("At", pick());
      typed.setAttribute("placeholder", KINDS[kind.value][1]);
    };
    kind.addEventListener("change", hint);
    hint();
    const submit = (event) => {
      event.preventDefault();
      const body = { kind: kind.value, address: pick().value.trim() };
      this.#add(() => call("POST", "/api/channels", { body }), "Added. A test shows whether it arrives.");
    };
    return make("form", { submit }, make("label", {}, "Or by", kind), at, make("button", { type: "submit" }, "Add"));
  }

  #add(send, said) {
    return tryOrSay(async () => {
      this.#made = await send();
      const asked = this.#made?.confirmation;
      state.say(asked?.message ?? said, asked?.ok === false);
      await this.#load();
    });
  }

  #try(channel, what) {
    return tryOrSay(async () => {
      const { ok, message } = await call("POST", `/api/channels/${channel.id}/${what}`);
      state.say(message, !ok);
      await this.#load();
    });
  }

  #change(channel, body) {
    return tryOrSay(async () => {
      await call("PATCH", `/api/channels/${channel.id}`, { body });
      await this.#load();
    });
  }

  #remove(channel) {
    return tryOrSay(async () => {
      await call("DELETE", `/api/channels/${channel.id}`);
      if (channel.kind === "webpush") await unsubscribe();
      await this.#load();
    });
  }
}

/** Return whether a channel is a mailbox whose owner has not said yet that it is theirs. */
function isUnconfirmed(channel) {
  return channel.kind === "email" && !channel.confirmed_at;
}

/** Return what became of a channel, in words: why nothing arrives, or when something last did. */
function sayState(channel) {
  if (channel.problem) return channel.problem;
  if (!channel.enabled) return "Switched off.";
  if (channel.last_success) return `Last arrived ${sayMoment(channel.last_success, state.me.zone)}.`;
  return "Nothing was sent yet.";
}

/** Return a name by which a person knows this browser among theirs. */
function nameBrowser() {
  const { userAgent } = navigator;
  const find = (names) => names.find((name) => userAgent.includes(name)) ?? "";
  const system = find(["Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux"]).replace("Mac OS X", "Mac");
  const browser = find(["Edg", "Firefox", "Chrome", "Safari"]).replace("Edg", "Edge");
  return [browser || "Browser", system && `on ${system}`].filter(Boolean).join(" ");
}

customElements.define("my-channels", MyChannels);
