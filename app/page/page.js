// The page as a whole: its panels, its keys, and the mark that it is ready.
import { doAgain, edit, takeBack } from "./data/actions.js";
import { goTo, leadBack, openTask } from "./data/opening.js";
import { listLists, namePlace, readPlace } from "./data/places.js";
import { isComposing, isWriting } from "./text/elements.js";
import { keepFresh, load } from "./data/loading.js";
import { installWorker, watchPresence } from "./data/push.js";
import { state } from "./data/state.js";
import { follow, watchNetwork, watchWindow } from "./data/stream.js";
import { addDays, nextMonday, sayColumn, sayDate, sayHeading } from "./text/when.js";
import "./detail/task-detail.js";
import "./list/add-task.js";
import { choose, chooseNone } from "./list/chosen-bar.js";
import "./list/place-rail.js";
import { makeListButton } from "./list/list-menu.js";
import { moveBy, moveTo, turnWeek } from "./list/week-board.js";
import "./command-field.js";
import "./conversation/conversation-view.js";
import "./foot-line.js";
import "./settings/key-help.js";
import "./settings/my-access.js";
import "./settings/my-calendars.js";
import "./settings/my-channels.js";
import "./settings/my-clients.js";
import "./settings/my-connections.js";
import "./settings/my-transfer.js";
import "./settings/my-settings.js";
import "./settings/people-list.js";
import "./settings/sign-in.js";
import "./list/reminder-lines.js";
import "./list/search-field.js";
import "./list/statistics-chart.js";
import "./list/task-list.js";

const MINUTE = 60_000;
const find = (selector) => document.querySelector(selector);

function openPanel(button, wanted) {
  for (const other of document.querySelectorAll(".tools [aria-controls]")) {
    const panel = document.getElementById(other.getAttribute("aria-controls"));
    const open = other === button && wanted;
    if (panel.hidden === !open) continue;
    panel.hidden = !open;
    other.setAttribute("aria-expanded", String(open));
    // It stands above the list, which may be far down.
    if (open) find(".scroll").scrollTop = 0;
    if (open) panel.open?.();
    else panel.close?.();
  }
}

function installPanels() {
  for (const button of document.querySelectorAll(".tools [aria-controls]")) {
    button.addEventListener("click", () => {
      openPanel(button, button.getAttribute("aria-expanded") !== "true");
      if (button.getAttribute("aria-expanded") !== "true") button.focus({ preventScroll: true });
    });
  }
}

function installLook() {
  const button = find("#look");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.look ?? (dark.matches ? "dark" : "light")) === "dark";
  const draw = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    const look = isDark() ? "light" : "dark";
    if ((look === "dark") === dark.matches) {
      // The system's own choice again: then it decides from here on.
      localStorage.removeItem("look");
      delete document.documentElement.dataset.look;
    } else {
      localStorage.setItem("look", look);
      document.documentElement.dataset.look = look;
    }
    draw();
  });
  dark.addEventListener("change", draw);
  draw();
}

function openTab(name) {
  document.body.dataset.tab = name;
  for (const tab of document.querySelectorAll(".tabs button"))
    tab.setAttribute("aria-pressed", String(tab.dataset.tab === name));
}

const FOLDED = "conversation folded";
const WIDE = 1600;

/** Fold the conversation away, or open it again; the choice is remembered. */
function fold(wanted, remember = true) {
  document.body.classList.toggle("folded", wanted);
  find("#fold").setAttribute("aria-pressed", String(!wanted));
  if (remember) localStorage.setItem(FOLDED, wanted ? "yes" : "no");
}

/** Give the week the room of the conversation where the window is not wide enough for both. */
function foldForPlace() {
  const needsRoom = readPlace().name === "week" && innerWidth < WIDE;
  fold(needsRoom || localStorage.getItem(FOLDED) === "yes", false);
}

function openRail(wanted) {
  document.body.classList.toggle("railed", wanted);
  find("#views").setAttribute("aria-expanded", String(wanted));
  if (wanted) find("place-rail a").focus();
}

const list = () => find("task-list");
const current = () => list().current?.task ?? (find("task-detail").contains(document.activeElement) && find("task-detail").task);

/** Return the task that the keys are on; of a recurring one say why a single date's keys do nothing there. */
function pick() {
  const task = current();
  if (task?.kind !== "recurring" && !document.activeElement?.closest?.("series-row")) return task;
  state.say("This is all of a recurring task: Enter opens it. Its next date has a row of its own, to be chosen and moved.");
  return null;
}

/** Return the deed of a key on the task that the keys are on. */
const on = (deed) => () => {
  const task = pick();
  if (task) deed(task);
};
const KEYS = {
  "/": () => {
    if (document.body.classList.contains("folded")) fold(false, readPlace().name !== "week");
    if (find("task-detail").task) find("task-detail").close();
    openTab("conversation");
    find("conversation-view").reach();
  },
  n: () => {
    openTab("tasks");
    find("add-task").reach();
  },
  j: () => list().step(1),
  k: () => list().step(-1),
  ArrowDown: () => list().step(1),
  ArrowUp: () => list().step(-1),
  J: () => list().step(1, { choose: true }),
  K: () => list().step(-1, { choose: true }),
  x: on((task) => choose(task.id)),
  o: () => list().currentId && openTask(list().currentId),
  e: () => {
    if (list().current) list().current.edit();
    else if (find("task-detail").contains(document.activeElement)) find("task-detail .name")?.focus();
    else KEYS.o();
  },
  F2: () => KEYS.e(),
  m: () => (list().current ? list().current.querySelector(".more")?.click() : pick()),
  t: on((task) => moveTo(task.id, state.today)),
  w: on((task) => moveTo(task.id, nextMonday(state.today))),
  H: on((task) => moveBy(task, -1)),
  L: on((task) => moveBy(task, 1)),
  1: on((task) => edit(task, { priority: "high" })),
  2: on((task) => edit(task, { priority: "medium" })),
  3: on((task) => edit(task, { priority: "low" })),
  4: on((task) => edit(task, { priority: "none" })),
  "<": () => turnWeek(-1),
  ">": () => turnWeek(1),
  z: () => leadBack(takeBack),
  u: () => find("change-list").toggle(),
  Z: () => leadBack(doAgain),
  s: () => find("[aria-controls=search]").click(),
  "[": () => fold(!document.body.classList.contains("folded")),
  "?": () => find("[aria-controls=keys]").click(),
};
/** Keys that may repeat while they are held; the others act once. */
const HELD = new Set(["j", "k", "J", "K", "ArrowDown", "ArrowUp"]);

function escape() {
  if (document.body.classList.contains("railed")) openRail(false);
  else if (find("task-detail").task && !find("task-detail").hidden) find("task-detail").close();
  else if (state.chosen.size) chooseNone();
  else openPanel(null, false);
}

const PARTS = [
  "place-rail a",
  "task-list",
  "add-task .words",
  "task-detail",
  "conversation-view textarea",
  "foot-line button",
];

/** Bring the keys to the next part of the page, or the one before. */
function goAround(by) {
  const seen = (selector) => [...document.querySelectorAll(selector)].find((each) => each.checkVisibility());
  const stops = PARTS.map((part) => (part === "task-list" ? list().stop : seen(part))).filter(Boolean);
  const boxes = stops.map((each) => each.closest("place-rail, task-list, add-task, task-detail, conversation-view, foot-line"));
  const here = boxes.findIndex((box) => box.contains(document.activeElement));
  const next = here < 0 ? (by > 0 ? 0 : stops.length - 1) : (here + by + stops.length) % stops.length;
  stops[next]?.focus();
}

/** The keys that work everywhere, in a field too; returns whether it was one of them. */
function pressAnywhere(event) {
  if (event.key === "F6") goAround(event.shiftKey ? -1 : 1);
  else if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
    find("command-field").open(listDeeds());
  } else return false;
  event.preventDefault();
  return true;
}

/** Return every deed with its key, for the command field. */
function listDeeds() {
  const task = current();
  const deed = (words, key, act) => ({ words, key, act: act ?? KEYS[key] });
  const own = task
    ? [
        deed(`Open “${task.title}”`, "o", () => openTask(task.id)),
        deed(`Move “${task.title}” to today`, "t", () => moveTo(task.id, state.today)),
        deed(`Move “${task.title}” to next week`, "w", () => moveTo(task.id, nextMonday(state.today))),
      ]
    : [];
  return [
    ...own,
    deed("New task", "n"),
    deed("Write in the conversation", "/"),
    deed("Take the last change back", "z"),
    deed("Do it again", "Z"),
    deed("The last changes", "u"),
    deed("Search", "s"),
    deed("Fold the conversation", "["),
    deed("Light or dark", "", () => find("#look").click()),
    deed("Settings", "", () => find("[aria-controls=me]").click()),
    deed("Statistics", "", () => find("[aria-controls=statistics]").click()),
    deed("Keys", "?"),
  ];
}

/** Close the panel around a field; the keys go back to its button. */
function leavePanel(event) {
  event.preventDefault();
  const panel = event.target.closest(".panel");
  openPanel(null, false);
  find(`[aria-controls="${panel.id}"]`).focus();
}

function installKeys() {
  addEventListener("keydown", (event) => {
    if (pressAnywhere(event)) return;
    if (event.key === "Escape" && event.target.closest?.(".panel") && !isComposing(event)) return leavePanel(event);
    if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
    if (event.target.closest?.(".menu") || event.defaultPrevented) return;
    if (event.key.startsWith("Arrow") && event.target.closest?.(".log, pre, task-detail")) return;
    if (event.repeat && !HELD.has(event.key)) {
      // One press is one deed: a key that is held does not go on to the next row.
      if (event.key === " " || event.key === "Enter") event.preventDefault();
      return;
    }
    if (event.key === "Escape") {
      escape();
      return;
    }
    const key = event.shiftKey && event.key.startsWith("Arrow") ? { ArrowDown: "J", ArrowUp: "K" }[event.key] : event.key;
    const deed = Object.hasOwn(KEYS, key) ? KEYS[key] : null;
    if (!deed) return;
    event.preventDefault();
    deed();
  });
}

/** Where there is no room for a day in full. */
const small = matchMedia("(max-width: 760px), (max-height: 480px)");

const findList = () => listLists().find((each) => each.id === readPlace().list);
const listMenu = makeListButton(findList, "More for this list");

function drawDate() {
  const place = readPlace();
  const day = small.matches ? `${sayColumn(state.today).slice(0, 3)} ${sayDate(state.today)}` : sayHeading(state.today);
  const week = place.from && `Week · ${sayDate(place.from)} to ${sayDate(addDays(place.from, 6))}`;
  const headings = { all: day, today: `Today · ${day}`, week };
  const heading = state.loaded ? (headings[place.name] ?? namePlace(place)) : "";
  if (find("#today").textContent !== heading) find("#today").textContent = heading;
  listMenu.hidden = !findList();
}

/** Open the task that the address names, or a notification that was clicked. */
function openNamed() {
  const [, named] = /^#open=(.+)$/.exec(location.hash) ?? [];
  if (named) history.replaceState(null, "", "#all");
  if (named) goTo(decodeURIComponent(named));
  navigator.serviceWorker?.addEventListener("message", ({ data }) => data?.open && goTo(data.open));
}

function watchDoor() {
  if (state.signedOut) find("sign-in").open();
}

async function begin() {
  if (location.hash.startsWith("#invitation=")) {
    find("sign-in").open();
    return;
  }
  state.addEventListener("change", watchDoor);
  find("#today").after(listMenu);
  installPanels();
  installLook();
  installKeys();
  for (const tab of document.querySelectorAll(".tabs button"))
    tab.addEventListener("click", () => openTab(tab.dataset.tab));
  state.addEventListener("change", drawDate);
  addEventListener("hashchange", drawDate);
  small.addEventListener("change", drawDate);
  find("#fold").addEventListener("click", () => fold(!document.body.classList.contains("folded")));
  find("#views").addEventListener("click", () => openRail(!document.body.classList.contains("railed")));
  foldForPlace();
  addEventListener("hashchange", foldForPlace);
  const ring = (notification) => find("reminder-lines").ring(notification);
  follow(ring);
  watchNetwork(ring);
  watchWindow(ring);
  await load();
  if (state.signedOut) return;
  document.documentElement.dataset.ready = "yes";
  find("conversation-view").open();
  keepFresh();
  installWorker();
  openNamed();
  watchPresence();
  // Late and today change as time passes.
  setInterval(() => state.show(), MINUTE / 2);
}

begin();
