// The page as a whole: its panels, its keys, and the mark that it is ready.
import { undo } from "./data/actions.js";
import { isWriting } from "./text/elements.js";
import { keepFresh, load } from "./data/loading.js";
import { installWorker, watchPresence } from "./data/push.js";
import { state } from "./data/state.js";
import { follow, watchNetwork, watchWindow } from "./data/stream.js";
import { sayHeading } from "./text/when.js";
import "./list/add-task.js";
import "./conversation/conversation-view.js";
import "./foot-line.js";
import "./settings/key-help.js";
import "./settings/my-access.js";
import "./settings/my-calendars.js";
import "./settings/my-channels.js";
import "./settings/my-clients.js";
import "./settings/my-connections.js";
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
  for (const other of document.querySelectorAll("header [aria-controls]")) {
    const panel = document.getElementById(other.getAttribute("aria-controls"));
    const open = other === button && wanted;
    if (panel.hidden === !open) continue;
    panel.hidden = !open;
    other.setAttribute("aria-expanded", String(open));
    if (open) panel.open?.();
    else panel.close?.();
  }
}

function installPanels() {
  for (const button of document.querySelectorAll(".sheet > header [aria-controls]")) {
    button.addEventListener("click", () => {
      openPanel(button, button.getAttribute("aria-expanded") !== "true");
      if (button.getAttribute("aria-expanded") !== "true") button.focus();
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

const list = () => find("task-list");
const KEYS = {
  "/": () => {
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
  e: () => list().current?.edit(),
  m: () => list().current?.querySelector(".more").click(),
  z: () => undo(state.undoable),
  Z: () => undo(state.redoable),
  s: () => find("[aria-controls=search]").click(),
  "?": () => find("[aria-controls=keys]").click(),
};

function installKeys() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
    if (event.target.closest?.(".menu") || event.defaultPrevented) return;
    if (event.key.startsWith("Arrow") && event.target.closest?.(".log, pre")) return;
    if (event.key === "Escape") {
      openPanel(null, false);
      return;
    }
    const row = list().current;
    if (event.key === " " && row && event.target.matches(".title")) {
      event.preventDefault();
      row.querySelector(".circle").click();
      return;
    }
    const deed = KEYS[event.key];
    if (!deed) return;
    event.preventDefault();
    deed();
  });
}

function drawDate() {
  const heading = state.loaded ? sayHeading(state.today) : "";
  if (find("#today").textContent !== heading) find("#today").textContent = heading;
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
  installPanels();
  installLook();
  installKeys();
  for (const tab of document.querySelectorAll(".tabs button"))
    tab.addEventListener("click", () => openTab(tab.dataset.tab));
  state.addEventListener("change", drawDate);
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
  watchPresence();
  // Late and today change as time passes.
  setInterval(() => state.show(), MINUTE / 2);
}

begin();
