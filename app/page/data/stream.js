// The one stream of events: it tells that something happened, and when the service is gone and back.
import { load, loadSoon } from "./loading.js";
import { state } from "./state.js";

const UNSEEN = 60_000;
const WAITS = [300, 1_000, 2_000, 4_000];
let source = null;
let failures = 0;
let timer = null;

/** Follow the stream for ever; `ring` is called with each reminder that rings. */
export function follow(ring) {
  clearTimeout(timer);
  source?.close();
  source = new EventSource("/api/notifications/stream");
  source.addEventListener("open", () => {
    const lost = failures > 0 || !state.connected;
    failures = 0;
    // Changes during the silence came with no event: load everything again.
    if (lost) load();
  });
  source.addEventListener("activity", () => loadSoon());
  source.addEventListener("confirmation", () => loadSoon());
  source.addEventListener("notification", (event) => {
    const rang = JSON.parse(event.data);
    ring(rang);
    loadSoon(rang.task_id);
  });
  source.addEventListener("error", () => lose(ring));
}

function lose(ring) {
  // The browser's own pauses are long, and some answers make it give up: this one never does.
  source.close();
  failures += 1;
  if (failures > 1 || !navigator.onLine) {
    state.connected = false;
    state.show();
  }
  clearTimeout(timer);
  if (state.signedOut) return;
  // A stream that ends may have ended with the session: a call finds out.
  if (failures > 1) load();
  timer = setTimeout(() => follow(ring), WAITS[Math.min(failures, WAITS.length) - 1]);
}

/**
 * Give the connection back while nobody looks: browsers share six among all windows of one service, and a seventh
 * window would wait for ever. Whoever wants reminders outside the page keeps it.
 */
export function watchWindow(ring) {
  let rest = null;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(rest);
    if (!document.hidden) {
      if (source.readyState === EventSource.CLOSED) {
        failures = Math.max(failures, 1);
        follow(ring);
      }
      return;
    }
    rest = setTimeout(() => {
      if (window.Notification?.permission === "granted") return;
      clearTimeout(timer);
      source.close();
    }, UNSEEN);
  });
}

/** Notice at once when the machine loses its network, or has it again. */
export function watchNetwork(ring) {
  addEventListener("offline", () => {
    state.losses += 1;
    state.connected = false;
    state.show();
  });
  addEventListener("online", () => {
    failures += 1;
    follow(ring);
  });
}
