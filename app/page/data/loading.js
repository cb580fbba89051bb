// How the state comes from the service: all of it at first, again whenever something happened, and after a silence.
import { forget, keepList, readList, readWaiting, sendWaiting } from "./kept.js";
import { address, call } from "./service.js";
import { state } from "./state.js";

const PAGE = 50;
const AT_ONCE = 200;
const MOST_SERIES = 2_000;
const TOGETHER = 40;
const HEAL_EVERY = 2_000;
let wanted = AT_ONCE;
let running = null;
let again = false;
let timer = null;

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

/** Load soon: changes close together cause one load. */
export function loadSoon() {
  clearTimeout(timer);
  timer = setTimeout(load, TOGETHER);
}

/** Show more tasks than the page begins with. */
export function loadMore() {
  wanted += AT_ONCE;
  return load();
}

async function loadOnce() {
  const { losses } = state;
  if (!state.loaded) state.waiting = await readWaiting();
  try {
    const me = call("GET", "/api/me").then((answer) => {
      state.me = answer;
      state.setClock(answer.instant);
    });
    const tasks = loadTasks();
    const rest = [
      loadPages({ kind: "recurring" }, MOST_SERIES).then(({ tasks: series }) => {
        state.series = series;
      }),
      call("GET", "/api/changes?limit=20").then((answer) => state.learn(answer.changes)),
      call("GET", address("/api/notifications", { unread: true, limit: 200 })).then((answer) => {
        state.notifications = answer.notifications;
      }),
      loadQuestions(),
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
    keepList(state.remember());
    await deliver();
    // Answers from before the network was lost do not say that it is back.
    if (losses === state.losses) state.connected = true;
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

async function loadTasks() {
  const { tasks, total, more } = await loadPages({}, wanted);
  state.tasks = tasks;
  state.unseen = more ? Math.max(1, total - tasks.length) : 0;
}

/** Return the tasks of a query, at least `most` of them if there are so many: `{tasks, total, minimum, more}`. */
export async function loadPages(query, most) {
  const tasks = [];
  let answer = {};
  do {
    answer = await call("GET", address("/api/tasks", { ...query, limit: PAGE, cursor: answer.next_cursor }));
    tasks.push(...answer.tasks);
  } while (answer.next_cursor && tasks.length < most);
  const minimum = Boolean(answer.total_is_minimum);
  return { tasks, total: answer.total, minimum, more: Boolean(answer.next_cursor) };
}

async function loadDone() {
  const query = { status: "completed", completed_from: state.today, sort: "completed", limit: PAGE };
  state.done = (await call("GET", address("/api/tasks", query))).tasks;
}

async function loadQuestions() {
  const { confirmations } = await call("GET", "/api/confirmations");
  state.questions = confirmations.filter((question) => question.state === "pending");
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
