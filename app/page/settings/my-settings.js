// The person's settings: zone, start of the day and quiet hours; and the offer to take the browser's zone.
import { make, makeButton, makeTimeField } from "../text/elements.js";
import { load } from "../data/loading.js";
import { call } from "../data/service.js";
import { state } from "../data/state.js";
import { isSameZone } from "../text/when.js";

const KEPT = "zone kept";

async function save(fields) {
  try {
    const answer = await call("PATCH", "/api/me", { body: fields });
    await load();
    state.say(answer.message ?? "Saved.");
  } catch (problem) {
    state.say(problem.message, true);
  }
}

class MySettings extends HTMLElement {
  /** Show the present settings. */
  open() {
    const zones = Intl.supportedValuesOf?.("timeZone") ?? [];
    const list = make("datalist", { id: "zones" }, ...zones.map((name) => make("option", { value: name })));
    const zone = make("input", {
      list: "zones",
      value: state.me.zone,
      autocomplete: "off",
      spellcheck: "false",
      required: true,
    });
    const start = makeTimeField({ value: state.me.day_start, required: true });
    const quiet = [state.me.quiet_from, state.me.quiet_until].map((value) => makeTimeField({ value }));
    const history = make("input", { type: "number", min: 30, max: 36500, value: state.me.history_days ?? "" });
    const submit = (event) => {
      event.preventDefault();
      const [quiet_from, quiet_until] = quiet.map((field) => field.value || null);
      const history_days = history.value ? Number(history.value) : null;
      save({ zone: zone.value.trim(), day_start: start.value, quiet_from, quiet_until, history_days });
    };
    const form = make(
      "form",
      { submit },
      make("label", {}, "Time zone", zone),
      make("label", {}, "My day begins at", start),
      make("label", {}, "Quiet from", quiet[0]),
      make("label", {}, "until", quiet[1]),
      make("label", {}, "Keep my history, in days", history),
      make("button", { type: "submit" }, "Save"),
      list,
    );
    this.replaceChildren(
      form,
      make("p", { class: "fact" }, "Reminders of tasks with only a date count from the beginning of the day. In quiet hours nothing is sent elsewhere. Without a number the history is kept for ever; what is older is forgotten and cannot be undone."),
    );
  }
}

class ZoneOffer extends HTMLElement {
  #here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  /** The zone that was compared with that of the browser, and whether they are the same. */
  #known = { zone: null, same: false };

  connectedCallback() {
    this.hidden = true;
    state.addEventListener("change", () => this.#draw());
  }

  #draw() {
    const here = this.#here;
    const { zone } = state.me;
    if (state.loaded && here && zone !== this.#known.zone) this.#known = { zone, same: isSameZone(here, zone, state.now) };
    this.hidden =
      !state.loaded || !here || this.#known.same || localStorage.getItem(KEPT) === `${here} ${state.me.zone}`;
    if (this.hidden || this.firstChild) return;
    const keep = () => {
      localStorage.setItem(KEPT, `${here} ${state.me.zone}`);
      state.show();
    };
    this.append(
      make("p", {}, `This browser is in ${here}; times are shown in ${state.me.zone}.`),
      make(
        "span",
        { class: "acts" },
        makeButton(`Use ${here}`, () => save({ zone: here }), { class: "quiet" }),
        makeButton("Keep", keep, { class: "quiet" }),
      ),
    );
  }
}

/** The panel under "me": each of its parts shows what it has when it opens. */
class MePanel extends HTMLElement {
  open() {
    for (const part of this.children) part.open();
  }
}

customElements.define("me-panel", MePanel);
customElements.define("my-settings", MySettings);
customElements.define("zone-offer", ZoneOffer);
