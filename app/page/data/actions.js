// The actions on tasks: shown at once, sent, and visibly reverted when they are refused.
import { load, loadNews, loadSoon } from "./loading.js";
import { readWaiting, wait } from "./kept.js";
import { address, call, findAnswers, makeKey, sendTask } from "./service.js";
import { state } from "./state.js";
import { tellProblem } from "../text/change-sentences.js";

const lost = (title) => `No connection: “${title}” is as it was. Try again when the service is back.`;

async function attempt(task, patch, send) {
  const settle = state.wish(task.id, patch);
  try {
    const answer = await send();
    state.accept(answer.change_id);
    for (const each of answer.tasks ?? (answer.task ? [answer.task] : [])) {
      if (!patch.gone) state.replace(each);
    }
    if (patch.gone) state.forget(task.id);
    settle(false);
    if (answer.warnings?.length) state.say(answer.warnings.join(" "));
    loadSoon();
    return answer;
  } catch (problem) {
    settle(true);
    if (problem.unreachable) state.connected = false;
    state.say(problem.unreachable ? lost(task.title) : `“${task.title}” is as it was. ${tellProblem(problem)}`, true);
    if (!problem.unreachable) loadSoon();
    return null;
  }
}

const completions = new Map();

/**
 * Complete an open task, or open a completed one again; for an occurrence that takes back its successor too. `rests` says
 * that the pointer is on its row: then its next date does not come under it.
 */
export function toggle(task, { rests = false } = {}) {
  if (task.status === "completed") state.lingering.delete(task.id);
  if (task.status === "completed") return attempt(task, { status: "open" }, () => reopen(task));
  if (task.recurring_id || !matchMedia("(prefers-reduced-motion: reduce)").matches) {
    state.linger(task.id, rests && Boolean(task.recurring_id));
  }
  const done = attempt(task, { status: "completed" }, () => call("POST", `/api/tasks/${task.id}/complete`));
  completions.set(
    task.id,
    done.then((answer) => answer?.change_id),
  );
  return done;
}

async function reopen(task) {
  // A second click may come before the answer to the first.
  const made = await completions.get(task.id);
  completions.delete(task.id);
  const change = task.recurring_id && (made ?? findCompletion(task.id));
  if (change) {
    try {
      const answer = await call("POST", "/api/undo", { body: { change_ids: [change] } });
      await load();
      return { change_id: answer.change_id, warnings: answer.warnings };
    } catch (problem) {
      if (problem.unreachable || problem.status >= 500) throw problem;
    }
  }
  return call("POST", `/api/tasks/${task.id}/reopen`);
}

/** Return the id of the person's own completion of a task, if it is the newest change of that task. */
function findCompletion(taskId) {
  const last = state.changes.find((change) => change.tasks.some((each) => each.task_id === taskId));
  const own = last?.kind === "complete_task" && last.actor.kind === "person" && !last.undone_by;
  return own ? last.change_id : undefined;
}

const TRIES = 3;

/** The last edit of each task that is not answered: the next one waits for it. */
const edits = new Map();

/** The version that an edit of this page made, by the task and version that it was made from. */
const successors = new Map();

/** Return the version that the shown one has become by this page's own edits alone. */
function follow(task) {
  let { version } = task;
  while (successors.has(`${task.id} ${version}`)) version = successors.get(`${task.id} ${version}`);
  return version;
}

/** Send changed fields for the version that was shown; where others have changed only other fields, for the newest. */
async function sendFields(task, fields) {
  let version = follow(task);
  for (let tries = 1; ; tries += 1) {
    try {
      const answer = await call("PATCH", `/api/tasks/${task.id}`, { body: fields, version });
      successors.set(`${task.id} ${version}`, answer.task.version);
      return answer;
    } catch (problem) {
      const others = Object.keys(problem.fields ?? {});
      const apart = problem.code === "version_conflict" && others.length && problem.version !== undefined;
      if (!apart || tries === TRIES || others.some((name) => name in fields)) throw problem;
      version = problem.version;
    }
  }
}

/** Change fields of a task, unless others have changed them since it was shown. */
export function edit(task, fields) {
  const patch = { ...fields };
  for (const name of ["due", "start"]) {
    // What is shown until the answer is the local time that was meant.
    if (name in fields) Object.assign(patch, { [`${name}_local`]: fields[name] ?? undefined, [name]: fields[name] ?? undefined });
  }
  const before = edits.get(task.id);
  const edited = attempt(task, patch, async () => {
    await before;
    return sendFields(task, fields);
  }).finally(() => edits.get(task.id) === edited && edits.delete(task.id));
  edits.set(task.id, edited);
  return edited;
}

/** Change all occurrences of a recurring task. */
export function editSeries(series, fields) {
  const patch = "paused" in fields ? { recurrence: { ...series.recurrence, paused: fields.paused } } : {};
  return attempt(series, patch, () => call("PATCH", `/api/recurring-tasks/${series.id}`, { body: fields }));
}

/** Let a task recur by a rule; it becomes the first occurrence. */
export function repeat(task, rule, more = {}) {
  return attempt(task, { rule_text: "…" }, () =>
    call("POST", "/api/recurring-tasks", { body: { task_id: task.id, rule, ...more } }),
  );
}

/** Delete a task or a series. */
export function remove(task) {
  return attempt(task, { gone: true }, () => call("DELETE", `/api/tasks/${task.id}`));
}

/** Set a reminder: `{at}` or `{before}`. */
export function remind(task, reminder) {
  return attempt(task, {}, () => call("POST", `/api/tasks/${task.id}/reminders`, { body: reminder }));
}

/** Let a reminder ring later: `{duration}` or `{until}`. */
export function snooze(task, reminderId, later) {
  return attempt(task, {}, () => call("POST", `/api/reminders/${reminderId}/snooze`, { body: later }));
}

/** Stop a reminder. */
export function unremind(task, reminderId) {
  return attempt(task, {}, () => call("DELETE", `/api/reminders/${reminderId}`));
}

/** Add a task, a recurring one by its `rule`; returns its id, or false where it was refused. Without a service it waits here. */
export async function add(fields) {
  const key = makeKey();
  try {
    const answer = await sendNew(key, fields);
    state.accept(answer.change_id);
    state.replace(answer.task);
    if (answer.warnings?.length) state.say(answer.warnings.join(" "));
    loadSoon();
    return answer.task.id;
  } catch (problem) {
    if (problem.unreachable && (await keepForLater(key, fields))) return key;
    if (problem.code === "reminder_in_past" && fields.reminders) {
      // The task is worth more than its reminder.
      const { reminders: _, ...rest } = fields;
      const added = await add(rest);
      if (added) state.say(`“${fields.title}” is added without its reminder: that time is over.`);
      return added;
    }
    const said = problem.unreachable ? "No connection. Try again later." : problem.message;
    state.say(`“${fields.title}” is not saved. ${said}`, true);
    return false;
  }
}

async function sendNew(key, fields) {
  try {
    return await sendTask(key, fields);
  } catch (problem) {
    // The answer alone may be lost: the service knows what became of the call.
    const found = problem.unreachable ? await findAnswers([key]).catch(() => new Map()) : new Map();
    if (found.has(key)) return found.get(key);
    throw problem;
  }
}

async function keepForLater(key, fields) {
  state.connected = false;
  state.waiting = await wait(key, fields);
  state.show();
  // Where the browser keeps nothing, the line keeps its words.
  return (await readWaiting()).some((each) => each.key === key);
}

/** One after the other: each undo has to know what the one before it did. */
let turns = Promise.resolve();

function inTurn(act) {
  const done = turns.then(act);
  turns = done.catch(() => {});
  return done;
}

async function catchUp() {
  if (state.isBehind) await loadNews();
}

/** Take back the newest change that is in force. */
export function takeBack() {
  return inTurn(async () => {
    await catchUp();
    return undo(state.undoable ?? (await findOlder()));
  });
}

/** Do again what was taken back last. */
export function doAgain() {
  return inTurn(async () => {
    await catchUp();
    return undo(state.redoable);
  });
}

/** Forget the changes of a task before a day, for good; return how many there were. */
export async function forgetHistory(task, before) {
  try {
    const answer = await call("DELETE", address(`/api/tasks/${task.id}/history`, { before }));
    state.say(answer.message);
    return answer.forgotten;
  } catch (problem) {
    state.say(problem.message, true);
    return 0;
  }
}

/** Undo a change of any actor; undoing an undo is a redo. Returns the change that is undone by it, false if none is. */
export async function undo(change) {
  if (!change) {
    state.say("There is nothing to take back.");
    return false;
  }
  return (await undoTogether([change])) && change;
}

/** Take several changes back as one, the newest first. */
export function undoAll(changes) {
  return inTurn(() => undoTogether(changes.filter((change) => !change.undone_by)));
}

/** Undo these changes as one. */
async function undoTogether(changes) {
  try {
    const ids = changes.map((change) => change.change_id);
    const answer = await call("POST", "/api/undo", { body: { change_ids: ids } });
    state.accept(answer.change_id);
    await loadNews();
    return true;
  } catch (problem) {
    state.say(problem.unreachable ? "No connection: nothing was taken back." : tellProblem(problem), true);
    return false;
  }
}

/** Return the newest change that can be taken back among the older ones, which the page does not keep. */
async function findOlder() {
  let cursor;
  do {
    const query = { limit: 200, cursor };
    const answer = await call("GET", address("/api/changes", query)).catch(() => ({ changes: [] }));
    const found = answer.changes.find(
      (each) => !each.undone_by && each.kind !== "undo" && each.actor.kind !== "scheduler",
    );
    if (found) return found;
    cursor = answer.next_cursor;
  } while (cursor);
  return undefined;
}

/** Do the same to several tasks as one change: `steps` are calls of tools. Returns the plan before it is applied. */
export async function plan(steps) {
  try {
    return await call("POST", "/api/plans", { body: { changes: steps } });
  } catch (problem) {
    state.say(`Nothing was changed. ${tellProblem(problem)}`, true);
    return null;
  }
}

/** Apply a plan; returns whether it was done. */
export async function applyPlan(planned) {
  try {
    const answer = await call("POST", `/api/plans/${planned.plan_id}/apply`, { body: {} });
    state.accept(answer.change_id);
    if (answer.warnings?.length) state.say(answer.warnings.join(" "));
    await loadNews();
    return true;
  } catch (problem) {
    state.say(`Nothing was changed. ${tellProblem(problem)}`, true);
    return false;
  }
}

/** Add several tasks as one change, so that one undo takes all of them back; returns whether they were taken. */
export async function addSeveral(several) {
  const tool = (fields) => (fields.rule ? "create_recurring_task" : "create_task");
  const planned = await plan(several.map((fields) => ({ tool: tool(fields), arguments: fields })));
  return Boolean(planned?.plan_id) && applyPlan(planned);
}

/** Add a subtask; returns whether it was taken. */
export async function addStep(parent, title) {
  const answer = await attempt(parent, {}, () =>
    call("POST", "/api/tasks", { body: { title, parent_id: parent.id }, key: makeKey() }),
  );
  return Boolean(answer);
}

/** Make a list; returns its id, null where it was refused. */
export async function addList(name) {
  const answer = await tryOnLists(() => call("POST", "/api/lists", { body: { name } }));
  return answer?.list.id ?? null;
}

/** Change a list, or delete it where there are no `fields`: `tasks` says whether to `keep` its tasks or `delete` them. */
export function changeList(list, fields, tasks) {
  const path = `/api/lists/${list.id}`;
  return tryOnLists(() =>
    fields ? call("PATCH", path, { body: fields }) : call("DELETE", address(path, { tasks })),
  );
}

async function tryOnLists(send) {
  try {
    const answer = await send();
    state.accept(answer.change_id);
    await load();
    return answer;
  } catch (problem) {
    state.say(problem.message, true);
    return null;
  }
}

/** Agree to an agent's question or refuse it; returns whether the service accepted the decision. */
export async function decide(question, decision) {
  try {
    await call("POST", `/api/confirmations/${question.id}`, { body: { decision } });
    state.questions = state.questions.filter((each) => each.id !== question.id);
    if (decision === "accept") state.agreed = [...state.agreed, question];
    state.say(decision === "accept" ? "You have agreed; it can go on now." : "You have refused; nothing was done.");
    loadSoon();
    return true;
  } catch (problem) {
    state.say(problem.message, true);
    loadSoon();
    return false;
  }
}
