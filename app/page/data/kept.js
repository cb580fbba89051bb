// What this browser keeps for the time without a service: the last known list, and tasks that wait to be added.
import { Problem, findAnswers, sendTask } from "./service.js";

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

/** Change what waits, one change after the other, in whichever window; returns what waits then. */
function change(update) {
  const act = async () => {
    const left = update(await readWaiting());
    await write(WAITING, left);
    return left;
  };
  return navigator.locks?.request(WAITING, act) ?? act();
}

const without = (keys) => change((waiting) => waiting.filter((each) => !keys.includes(each.key)));

/** Let a task wait until the service is back; returns what waits now. */
export function wait(key, fields) {
  return change((waiting) => [...waiting, { key, fields }]);
}

/** Take out of what waits the tasks that the service has already, though its answer was lost; returns what still waits. */
export async function settleWaiting() {
  const waiting = await readWaiting();
  if (!waiting.length) return waiting;
  const found = await findAnswers(waiting.map((each) => each.key));
  return found.size ? without([...found.keys()]) : waiting;
}

/** Send what waits, each under the key of its first attempt; returns `{left, changes, problems}`. */
export async function sendWaiting() {
  const [changes, problems] = [[], []];
  for (const { key, fields } of await readWaiting()) {
    try {
      changes.push((await sendTask(key, fields)).change_id);
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.unreachable || problem.status >= 500) break;
      problems.push(`“${fields.title}” could not be added: ${problem.message}`);
    }
    await without([key]);
  }
  return { left: await readWaiting(), changes, problems };
}
