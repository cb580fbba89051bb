// How the state comes from the service: all of it at first, again whenever something happened, and after a silence.
import { forget, keepList, readList, readWaiting, sendWaiting, settleWaiting } from "./kept.js";
import { UNREACHABLE, address, call } from "./service.js";
import { state } from "./state.js";
import { seeFrame } from "../text/elements.js";

const PAGE = 50;
/** So many tasks come before the first sight of the list; the others follow while it is looked at. */
const AT_ONCE = 200;
const MORE = 5_000;
const MOST_SERIES = 2_000;
const MOST_DONE = 200;
/** Up to so many changed tasks are read one by one, where reading all of them takes longer. */
const MOST_SINGLY = 40;
/** The tasks that a change names; one with so many may have touched more. */
const NAMED = 10;
const TOGETHER = 40;
const HEAL_EVERY = 2_000;
let wanted = MORE;
let running = null;
let again = false;
let timer = null;
/** What fills the list behind its first tasks; a newer one takes its place. */
let filling = null;
const rang = new Set();

/** Load the page's data; concurrent calls share one load. Returns whether the service answered. */
export function load() {
  if (running) {
    again = true;
    return running;
  }
  running = loadOnce().finally(() => {
    running = null;
    if (again) {
      again = false;
      load();
    }
  });
  return running;
}

/** Load soon: changes close together cause one load; `taskId` is a task that rang, of which no change tells. */
export function loadSoon(taskId) {
  if (taskId) rang.add(taskId);
  clearTimeout(timer);
  timer = setTimeout(loadNews, TOGETHER);
}

/** Load more tasks than the page begins with. */
export function loadMore() {
  wanted += MORE;
  return load();
}

/** Load what has changed: all of a short list, and of a long one the tasks that the changes name. */
export async function loadNews() {
  if (running || state.tasks.length <= AT_ONCE || state.waiting.length || !state.connected) return load();
  const known = state.changes[0]?.change_id;
  const { losses } = state;
  try {
    const [{ changes }, { notifications }] = await Promise.all([
      call("GET", "/api/changes?limit=50"),
      call("GET", address("/api/notifications", { unread: true, limit: 200 })),
      loadQuestions(),
      loadLists(),
    ]);
    const found = changes.findIndex((change) => change.change_id === known);
    // Where there was no change before, all of them are news.
    const at = known === undefined ? changes.length : found;
    const fresh = changes.slice(0, Math.max(at, 0));
    const ids = new Set([...rang, ...fresh.flatMap((change) => change.tasks.map((task) => task.task_id))]);
    const isLong = at < 0 || ids.size > MOST_SINGLY || fresh.some((change) => change.tasks.length >= NAMED);
    if (isLong) return load();
    await Promise.all([...ids].map(refresh));
    ids.forEach((id) => rang.delete(id));
    state.learn(changes);
    state.notifications = notifications;
    if (losses === state.losses) state.show();
    return true;
  } catch {
    return load();
  }
}

async function refresh(taskId) {
  try {
    state.replace(await call("GET", `/api/tasks/${taskId}`));
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    state.forget(taskId);
  }
}

async function loadOnce() {
  const { losses } = state;
  if (!state.loaded) state.waiting = await readWaiting();
  try {
    const me = call("GET", "/api/me").then((answer) => {
      state.me = answer;
      state.setClock(answer.instant);
    });
    const filled = { touched: state.heed() };
    filling = filled;
    const tasks = loadTasks(filled);
    // What is folded comes after what is seen first.
    const seen = state.loaded ? tasks : tasks.then(seeFrame);
    const rest = [
      seen.then(loadSeries),
      call("GET", "/api/changes?limit=50").then((answer) => state.learn(answer.changes)),
      call("GET", address("/api/notifications", { unread: true, limit: 200 })).then((answer) => {
        state.notifications = answer.notifications;
      }),
      loadQuestions(),
      loadLists(),
      me.then(loadDone),
    ];
    const all = Promise.all([me, tasks, ...rest]);
    if (!state.loaded) {
      // The tasks are shown as soon as they arrive.
      await Promise.race([Promise.all([me, tasks]), all]);
      state.loaded = true;
      state.show();
      performance.mark("page-ready");
    }
    await all;
    state.reheed();
    // The rest of a long list comes while its first rows are looked at.
    seeFrame().then(() => fill(filled));
    if (!filled.cursor) keepList(state.remember());
    await deliver();
    // Answers from before the network was lost do not say that it is back.
    if (losses === state.losses) {
      // What was said of the loss ends with it; a deed that it stopped stays told.
      if (!state.connected && state.said?.text === UNREACHABLE) state.said = null;
      state.connected = true;
    }
    state.show();
    return true;
  } catch (problem) {
    if (problem.status === 401) {
      state.signedOut = true;
      forget();
    } else if (problem.unreachable || problem.status >= 500) {
      state.connected = false;
      await recall();
    } else state.say(problem.message, true);
    state.show();
    return false;
  }
}

/** Add the tasks that waited for the service. */
async function deliver() {
  if (!state.waiting.length) return;
  const { left, changes, problems } = await sendWaiting();
  state.waiting = left;
  if (!changes.length && !problems.length) return;
  changes.forEach((change) => state.accept(change));
  const count = changes.length;
  const said = count ? `${count} task${count > 1 ? "s" : ""} from before the connection was back: added.` : "";
  state.say([said, ...problems].filter(Boolean).join(" "), problems.length > 0);
  loadSoon();
}

/** Show the last known list where the page opened without a service. */
async function recall() {
  if (state.loaded) return;
  const known = await readList();
  state.waiting = await readWaiting();
  if (!known) return;
  state.recall(known);
  performance.mark("page-ready");
}

/** Load the first tasks; `filled` remembers where to go on. */
async function loadTasks(filled) {
  const { tasks, total, minimum, cursor } = await loadPages({}, AT_ONCE);
  filled.found = new Map(tasks.map((task) => [task.id, task]));
  filled.cursor = cursor;
  filled.total = minimum && cursor ? (await call("GET", "/api/statistics")).open : total;
  // What waits here may be among them already, if its answer was lost: it is shown once.
  if (state.waiting.length) state.waiting = await settleWaiting();
  // What was there before stays in sight until all is read again.
  const old = cursor ? state.tasks.filter((task) => !filled.found.has(task.id)) : [];
  state.tasks = [...tasks, ...old];
  state.reheed();
  state.unseen = cursor ? Math.max(1, filled.total - state.tasks.length) : 0;
}

async function fill(filled) {
  const isLong = Boolean(filled.cursor);
  while (filled.cursor && filled.found.size < wanted) {
    const answer = await call("GET", address("/api/tasks", { limit: PAGE, cursor: filled.cursor })).catch(() => null);
    if (filling !== filled || !answer) return;
    const now = new Map(state.tasks.map((task) => [task.id, task]));
    for (const task of answer.tasks) {
      if (filled.touched.has(task.id)) continue;
      filled.found.set(task.id, task);
      if (!(now.get(task.id)?.version > task.version)) now.set(task.id, task);
    }
    filled.cursor = answer.next_cursor;
    state.tasks = [...now.values()];
    state.unseen = filled.cursor ? Math.max(1, filled.total - state.tasks.length) : 0;
    if (!filled.cursor || filled.found.size % (4 * PAGE) === 0) state.show();
  }
  filling = null;
  if (!isLong) return;
  const isKnown = (task) => filled.found.has(task.id) || filled.touched.has(task.id);
  if (!filled.cursor) state.tasks = state.tasks.filter(isKnown);
  state.show();
  keepList(state.remember());
}

/** Return the tasks of a query, at least `most` of them if there are so many: `{tasks, total, minimum, more, cursor, near}`. */
export async function loadPages(query, most) {
  const tasks = [];
  let answer = {};
  do {
    answer = await call("GET", address("/api/tasks", { ...query, limit: PAGE, cursor: answer.next_cursor }));
    tasks.push(...answer.tasks);
  } while (answer.next_cursor && tasks.length < most);
  const minimum = Boolean(answer.total_is_minimum);
  const near = answer.near_titles ?? [];
  return { tasks, total: answer.total, minimum, more: Boolean(answer.next_cursor), cursor: answer.next_cursor, near };
}

async function loadSeries() {
  state.series = (await loadPages({ kind: "recurring" }, MOST_SERIES)).tasks;
}

async function loadDone() {
  const query = { status: "completed", completed_from: state.today, sort: "completed" };
  state.done = (await loadPages(query, MOST_DONE)).tasks;
}

async function loadLists() {
  state.lists = (await call("GET", "/api/lists")).lists;
}

async function loadQuestions() {
  const { confirmations } = await call("GET", "/api/confirmations");
  state.questions = confirmations.filter((question) => question.state === "pending");
  state.agreed = confirmations.filter((question) => question.state === "accepted");
}

/** Look again while the service is out of reach, also when it was only one call that found it so; and on a new day. */
export function keepFresh() {
  let { today } = state;
  setInterval(() => {
    const turned = today !== state.today;
    today = state.today;
    if (state.signedOut) return;
    if ((!state.connected && navigator.onLine) || turned) load();
  }, HEAL_EVERY);
}
