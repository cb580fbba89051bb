// What this browser keeps for the time without a service: the last known list, and tasks that wait to be added.
import { Problem, call } from "./service.js";

const KEPT = "kept";
const LIST = "/kept/list";
const WAITING = "/kept/waiting";

const store = () => (window.caches ? caches.open(KEPT) : Promise.reject(new Error("no store")));

async function read(name) {
  const found = await store().then((cache) => cache.match(name)).catch(() => undefined);
  return found?.json().catch(() => undefined);
}

async function write(name, value) {
  // A store that is full or forbidden keeps nothing; the page works without.
  await store().then((cache) => cache.put(name, Response.json(value))).catch(() => {});
}

/** Keep the list as it was just loaded. */
export function keepList(list) {
  return write(LIST, list);
}

/** Return the last known list; undefined if there is none. */
export function readList() {
  return read(LIST);
}

/** Forget everything of this person. */
export async function forget() {
  await window.caches?.delete(KEPT);
}

/** Return the tasks that wait: `[{key, fields}]`, oldest first. */
export async function readWaiting() {
  return (await read(WAITING)) ?? [];
}

/** Let a task wait until the service is back; returns what waits now. */
export async function wait(key, fields) {
  const waiting = [...(await readWaiting()), { key, fields }];
  await write(WAITING, waiting);
  return waiting;
}

/** Send what waits, each under the key of its first attempt; returns `{left, changes, problems}`. */
export async function sendWaiting() {
  const waiting = await readWaiting();
  const [changes, problems] = [[], []];
  let left = waiting;
  for (const each of waiting) {
    try {
      changes.push((await call("POST", each.fields.rule ? "/api/recurring-tasks" : "/api/tasks", { body: each.fields, key: each.key })).change_id);
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.unreachable || problem.status >= 500) break;
      problems.push(`“${each.fields.title}” could not be added: ${problem.message}`);
    }
    left = left.filter((other) => other.key !== each.key);
    await write(WAITING, left);
  }
  return { left, changes, problems };
}
