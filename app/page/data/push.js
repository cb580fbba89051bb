// Reminders by push: this browser's service worker, its subscription, and whether the page is in sight.
import { call } from "./service.js";
import { state } from "./state.js";

const WORKER = "/page/worker.js";
/** The service takes a page to be in sight for 45 s after it has said so. */
const SAY_AGAIN = 30_000;

/** Install the service worker; a browser or an address without one has the page all the same. */
export function installWorker() {
  navigator.serviceWorker?.register(WORKER, { scope: "/", updateViaCache: "none" }).catch(() => {});
}

/** Return in words why this browser cannot get pushes; "" if it can. */
export function sayHindrance() {
  if (!window.isSecureContext) return "Pushes need https, or this computer's own address.";
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) {
    return "This browser has no pushes. On an iPhone: Share, Add to Home Screen, and open it from there.";
  }
  if (Notification.permission === "denied") {
    return "This browser is told not to show notifications of this page: allow them in its settings for this address.";
  }
  return "";
}

/** Return this browser's subscription; null if it has none. */
export async function readSubscription() {
  const worker = await navigator.serviceWorker?.getRegistration("/");
  return (await worker?.pushManager?.getSubscription()) ?? null;
}

/** Let this browser be reached, and make it a channel; throws a sentence. Call it from a click: the browser asks. */
export async function subscribe(publicKey, name) {
  if ((await Notification.requestPermission()) !== "granted") throw new Error(sayHindrance() || "Nothing was allowed.");
  const worker = await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: publicKey };
  let subscription = await worker.pushManager.getSubscription();
  // A subscription under an older key of the service reaches nobody.
  if (subscription && !isUnder(subscription, publicKey)) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await worker.pushManager.subscribe(options).catch((problem) => {
    throw new Error(`The browser's push service refused: ${problem.message}`);
  });
  return call("POST", "/api/channels", { body: { kind: "webpush", name, subscription: subscription.toJSON() } });
}

function isUnder(subscription, publicKey) {
  const bytes = new Uint8Array(subscription.options.applicationServerKey ?? []);
  const text = btoa(String.fromCharCode(...bytes));
  return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "") === publicKey;
}

const ANSWER = "reminders outside";

/** Return whether the person has said if reminders show outside the page while it is open. */
export function wasAsked() {
  return Boolean(localStorage.getItem(ANSWER));
}

/** Return whether reminders show outside the page while it is open. */
export function isOutside() {
  return window.Notification?.permission === "granted" && localStorage.getItem(ANSWER) === "yes";
}

/** Keep what the person wants, and ask the browser for a yes; a refusal of the browser is told. */
export async function askBrowser(wanted) {
  localStorage.setItem(ANSWER, wanted ? "yes" : "no");
  if (!wanted) return;
  if ((await Notification.requestPermission()) === "granted") return;
  state.say("The browser does not let this page show notifications: allow them in its settings for this address.", true);
}

/** Let this browser be forgotten by its push service. */
export async function unsubscribe() {
  await (await readSubscription())?.unsubscribe();
}

/** Say while the page is in sight, so that what rings here does not ring elsewhere at the same time. */
export function watchPresence() {
  const say = (visible) => call("PUT", "/api/presence", { body: { visible }, keepalive: true }).catch(() => {});
  document.addEventListener("visibilitychange", () => say(!document.hidden));
  addEventListener("pagehide", () => say(false));
  setInterval(() => document.hidden || say(true), SAY_AGAIN);
  if (!document.hidden) say(true);
}
