// Reminders that rang: a line each, with its actions; outside the page only with the person's permission.
import { snooze, toggle } from "../data/actions.js";
import { arrange, drawSign, make, makeButton, quote, whisper } from "../text/elements.js";
import { goTo } from "../data/opening.js";
import { call } from "../data/service.js";
import { askBrowser, isOutside, readSubscription, wasAsked } from "../data/push.js";
import { state } from "../data/state.js";
import { addDays, sayLate, sayShort, toLocal } from "../text/when.js";

/** The newest has its line; the others are one line that unfolds. */
const SHOWN = 1;
const LATE = 60;
const TOLD = 3_600_000;
const TITLE = document.title;

class ReminderLines extends HTMLElement {
  #lines = new Map();
  #gone = new Set();
  #question = null;
  #all = false;
  #rest = makeButton("", () => this.#unfold(), { class: "quiet rest", "aria-expanded": "false" });
  #away = makeButton("Put all away", () => this.#endAll(), { class: "quiet" });
  /** What is read aloud: the titles alone, not the buttons. */
  #said = make("p", { class: "whisper", role: "status" });

  connectedCallback() {
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Reminders");
    this.after(this.#said);
    state.addEventListener("change", () => this.#draw());
  }

  /** Tell of a reminder that rings now. */
  ring(notification) {
    if (!state.notifications.some((each) => each.id === notification.id)) {
      state.notifications = [notification, ...state.notifications];
    }
    this.#showOutside(notification);
    this.#said.textContent = `Reminder: ${notification.title}`;
    state.show();
  }

  /** Show it outside the page; a browser that gets pushes shows them by itself. */
  async #showOutside(notification) {
    if (!isOutside()) return;
    if (await readSubscription()) return;
    const { id, title, task_id: taskId } = notification;
    const shown = new Notification(title, { body: sayWhen(notification), tag: id, silent: true });
    shown.addEventListener("click", () => {
      window.focus();
      shown.close();
      if (taskId) goTo(taskId);
    });
  }

  #draw() {
    // However long ago one rang: it stays until it is read.
    const fresh = this.#list();
    const lines = (this.#all ? fresh : fresh.slice(0, SHOWN)).map((each) => this.#line(each));
    if (fresh.length > SHOWN) {
      const rest = fresh.length - SHOWN;
      this.#rest.textContent = this.#all ? "Show fewer" : `and ${rest} more ${rest > 1 ? "reminders" : "reminder"}`;
      this.#rest.setAttribute("aria-expanded", String(this.#all));
      lines.push(this.#rest, this.#away);
    }
    const ask = fresh.length && window.Notification?.permission === "default" && !wasAsked();
    if (ask) lines.push((this.#question ??= this.#ask()));
    arrange(this, lines);
    this.hidden = !lines.length;
    // The window's title tells it too, for those who look elsewhere.
    const [rings] = fresh.filter((each) => Date.now() - Date.parse(each.remind_at) < TOLD);
    document.title = rings ? `⏰ ${rings.title}` : TITLE;
  }

  #list() {
    return state.notifications.filter((each) => !each.read && !this.#gone.has(each.id));
  }

  #unfold() {
    this.#all = !this.#all;
    state.show();
  }

  #endAll() {
    for (const each of this.#list()) this.#end(each);
    this.#all = false;
  }

  #line(notification) {
    const known = this.#lines.get(notification.id);
    if (known) return known;
    const find = () =>
      state.find(notification.task_id) ?? { id: notification.task_id, title: notification.title, status: "open" };
    const later = (choice) => async () => {
      const task = await call("GET", `/api/tasks/${notification.task_id}`).catch(() => null);
      const rang = task?.reminders?.filter((each) => each.status === "fired").pop();
      if (!rang) state.say(`“${notification.title}” has no reminder left to snooze.`, true);
      else if (await snooze(task, rang.id, choice)) this.#end(notification);
    };
    const act = (text, deed, name) =>
      makeButton(text, deed, { class: "quiet", title: name, "aria-label": `${text}: ${notification.title}` });
    const open = () => {
      goTo(notification.task_id);
      this.#end(notification);
    };
    const choices = make(
      "span",
      { class: "acts", hidden: true },
      act("10 min", later({ duration: "10m" }), "Ring again in ten minutes"),
      act("1 h", later({ duration: "1h" }), "Ring again in an hour"),
      act("Tomorrow", later({ until: addDays(state.today, 1) }), "Ring again tomorrow"),
    );
    const unfold = () => {
      choices.hidden = !choices.hidden;
      snoozes.setAttribute("aria-expanded", String(!choices.hidden));
      if (!choices.hidden) choices.querySelector("button").focus();
    };
    const snoozes = act("Snooze", unfold, "Let it ring again later");
    snoozes.setAttribute("aria-expanded", "false");
    // What tells of no task can only be put away.
    const answers = [
      act("Done", () => toggle(find()).then((taken) => taken && this.#end(notification)), "Complete the task"),
      snoozes,
      choices,
      act("Open", open, "Show the task"),
    ];
    const line = make(
      "div",
      { class: "reminder" },
      drawSign("bell"),
      make(
        "p",
        { title: notification.text },
        whisper(notification.task_id ? "Reminder: " : "Notice: "),
        make("strong", {}, quote(notification.title)),
        make("span", { class: "fact" }, ` ${notification.task_id ? sayWhen(notification) : notification.text}`),
      ),
      make(
        "span",
        { class: "acts" },
        ...(notification.task_id ? answers : []),
        makeButton("×", () => this.#end(notification), {
          class: "quiet",
          "aria-label": `Put away: ${notification.title}`,
        }),
      ),
    );
    this.#lines.set(notification.id, line);
    return line;
  }

  #end(notification) {
    this.#gone.add(notification.id);
    state.show();
    call("POST", `/api/notifications/${notification.id}/read`).catch(() => {});
  }

  #ask() {
    const answer = async (wanted) => {
      await askBrowser(wanted);
      state.show();
    };
    return make(
      "div",
      { class: "reminder ask" },
      make("p", {}, "Show reminders outside this page too, without a sound?"),
      make(
        "span",
        { class: "acts" },
        makeButton("Yes", () => answer(true), { class: "quiet" }),
        makeButton("No", () => answer(false), { class: "quiet" }),
      ),
    );
  }
}

/** Return when a reminder rang, and how late it was. */
function sayWhen({ remind_at: at, late_by_seconds: late }) {
  const said = sayShort(toLocal(at, state.me.zone), state.today, { plain: true });
  return late >= LATE ? `${said}, ${sayLate(late)} late` : said;
}

customElements.define("reminder-lines", ReminderLines);
