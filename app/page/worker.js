// The service worker: shows reminders while no page is open, answers their buttons, and keeps the page for offline.

const PAGE = "page";
const PARTS = /(?:href|src)="(\/page\/[^"]+)"/g;
const DONE_ELSEWHERE = "Answered elsewhere";

/** Keep the page and all of its parts. */
async function keepPage() {
  const cache = await caches.open(PAGE);
  const response = await fetch("/", { cache: "no-cache" });
  const html = await response.clone().text();
  await cache.put("/", response);
  await cache.addAll([...new Set([...html.matchAll(PARTS)].map((match) => match[1]))]);
}

/** Ask the network first, so that the page is never older than the service; what is kept answers while it is away. */
async function answer(request) {
  const cache = await caches.open(PAGE);
  const key = request.mode === "navigate" ? "/" : request;
  try {
    const response = await fetch(request);
    if (response.ok) cache.put(key, response.clone());
    return response;
  } catch (problem) {
    const kept = await cache.match(key, { ignoreSearch: true });
    if (kept) return kept;
    throw problem;
  }
}

function belongsToPage(request) {
  const { origin, pathname } = new URL(request.url);
  return request.method === "GET" && origin === location.origin && (pathname === "/" || pathname.startsWith("/page/"));
}

/** Show what was pushed; a reminder that was answered elsewhere goes away. */
async function show(message) {
  if (message.type === "clear") {
    // Browsers want to see something for every push, so it takes the place of what it clears.
    await registration.showNotification(DONE_ELSEWHERE, { tag: message.tag, silent: true });
    for (const shown of await registration.getNotifications({ tag: message.tag })) shown.close();
    return;
  }
  await registration.showNotification(message.title, {
    body: message.body,
    tag: message.tag,
    renotify: true,
    requireInteraction: message.urgent,
    icon: "/page/icons/icon-192.png",
    badge: "/page/icons/icon-192.png",
    actions: message.actions,
    data: { link: message.link, task: message.task_id },
  });
}

/** Press a button of a reminder by its link; what it says is shown if it did not work. */
async function press(notification, action) {
  const { pathname } = new URL(notification.data.link);
  try {
    const response = await fetch(`${pathname}?do=${action}`, {
      method: "POST",
      headers: { Accept: "application/json" },
    });
    if (response.ok) return;
    const { detail } = await response.json();
    await complain(notification, detail);
  } catch {
    await complain(notification, "The service cannot be reached. Open the list and try again there.");
  }
}

function complain({ title, tag, data }, text) {
  return registration.showNotification(title, { body: text, tag, data });
}

/** Bring the page to the front with a task open, or open it so. */
async function openPage(taskId) {
  const [open] = await clients.matchAll({ type: "window", includeUncontrolled: true });
  if (!open) return clients.openWindow(taskId ? `/#open=${taskId}` : "/");
  if (taskId) open.postMessage({ open: taskId });
  return open.focus();
}

/** A browser may change its address for pushes by itself: the service learns the new one. */
async function subscribeAgain(old) {
  if (!old) return;
  const subscription = await registration.pushManager.subscribe(old.options);
  await fetch("/api/channels", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Todo-Page": "1" },
    body: JSON.stringify({ kind: "webpush", subscription }),
  });
}

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(keepPage());
});
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  if (belongsToPage(event.request)) event.respondWith(answer(event.request));
});
addEventListener("push", (event) => event.waitUntil(show(event.data.json())));
addEventListener("notificationclick", (event) => {
  const { notification, action } = event;
  notification.close();
  event.waitUntil(action ? press(notification, action) : openPage(notification.data?.task));
});
addEventListener("pushsubscriptionchange", (event) => event.waitUntil(subscribeAgain(event.oldSubscription)));
