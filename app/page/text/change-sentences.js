// Changes in sentences: who did what to which task.
import { quote } from "./elements.js";
import { localDue, sayShort } from "./when.js";

/** What a kind of change did, in the words of the page. */
export const SAID = {
  create_task: "added",
  create_recurring_task: "added",
  complete_task: "completed",
  reopen_task: "reopened",
  delete_task: "deleted",
  set_reminder: "set a reminder on",
  snooze_reminder: "snoozed",
  cancel_reminder: "took a reminder off",
  update_recurring_task: "changed all of",
};

const LISTS = { create_list: "made", update_list: "changed", delete_list: "deleted" };

/** Return a change as parts of a sentence, titles as elements of their own. */
export function tellChange(change, changes, { zone, today }) {
  const who = tellWho(change.actor);
  if (change.kind === "make_instances") return [...nameTasks(change), " came round"];
  if (change.kind === "undo") {
    const undone = changes.find((other) => other.undone_by === change.change_id);
    if (undone && undone.kind !== "undo") return [`${who} took back: `, ...tellWhat(undone, zone, today)];
    return [`${who} put back `, ...nameTasks(change)];
  }
  return [`${who} `, ...tellWhat(change, zone, today)];
}

const MINUTE = 60_000;
const ALONE = new Set(["undo", "make_instances", ...Object.keys(LISTS)]);

/** Return changes in groups, newest first: what one actor did of one kind within a minute is one group. */
export function groupChanges(changes) {
  const groups = [];
  for (const change of changes) {
    const last = groups.at(-1)?.at(-1);
    if (last && belongsTo(change, last)) groups.at(-1).push(change);
    else groups.push([change]);
  }
  return groups;
}

function belongsTo(change, newer) {
  if (change.kind !== newer.kind || ALONE.has(change.kind) || tellWho(change.actor) !== tellWho(newer.actor)) return false;
  if (Boolean(change.undone_by) !== Boolean(newer.undone_by)) return false;
  return Date.parse(newer.at) - Date.parse(change.at) <= MINUTE;
}

/** Return a group of changes as parts of a sentence: one in full, several by their number. */
export function tellGroup(group, changes, where) {
  if (group.length === 1) return tellChange(group[0], changes, where);
  const [{ actor, kind }] = group;
  const count = new Set(group.flatMap((change) => change.tasks.map((task) => task.task_id))).size;
  const deed = `${tellWho(actor)} ${SAID[kind] ?? "changed"} `;
  return count === 1 ? [deed, ...nameTasks(group[0])] : [`${deed}${count} tasks`];
}

const FIELDS = { notes: "the notes", tags: "the tags", priority: "the priority", reminders: "the reminders" };

/** Return an entry of a task's history as parts of a sentence; the task itself is "it". */
export function tellEntry(entry, history, { zone, today }) {
  const who = tellWho(entry.actor);
  if (entry.kind === "reminder_rang") return [entry.text];
  if (entry.kind === "make_instances") return ["It came round"];
  if (entry.kind === "undo") {
    const undone = history.find((other) => other.undone_by === entry.change_id);
    return undone ? [`${who} took back: `, ...tellDeed(undone, zone, today)] : [`${who} took a change back`];
  }
  return [`${who} `, ...tellDeed(entry, zone, today)];
}

function tellDeed(entry, zone, today) {
  const differs = entry.changes ?? {};
  if (entry.kind === "complete_task") return ["completed it"];
  if (entry.kind === "reopen_task") return ["opened it again"];
  const said = [];
  if (differs.title) said.push(["renamed it from “", quote(String(differs.title[0])), "”"]);
  if (differs.due) {
    const [, due] = differs.due;
    said.push([due ? `moved it to ${sayShort(localDue(due, zone), today)}` : "took its date off"]);
  }
  if (differs.priority) said.push([`set the priority to ${differs.priority[1] ?? "none"}`]);
  const names = Object.keys(differs).filter((name) => !["title", "due", "priority", "due_text", "due_local"].includes(name));
  if (names.length) said.push([`changed ${names.map((name) => FIELDS[name] ?? `its ${name.replaceAll("_", " ")}`).join(" and ")}`]);
  if (!said.length && entry.version === 1) return ["added it"];
  if (!said.length) return [`${SAID[entry.kind] ?? "changed"} it`];
  return said.flatMap((parts, index) => (index ? [", ", ...parts] : parts));
}

function tellWho(actor) {
  if (actor.kind === "person") return "You";
  if (actor.kind === "scheduler") return "The clock";
  if (actor.surface === "chat") return "The assistant";
  return actor.client || "An agent";
}

function tellWhat(change, zone, today) {
  if (LISTS[change.kind]) return tellList(change);
  const [first] = change.tasks;
  const differs = first?.changes ?? {};
  if (change.tasks.length > 1 && ["update_task", "apply_plan"].includes(change.kind)) return tellSeveral(change, zone, today);
  if (change.tasks.length === 1 && change.kind === "update_task") {
    if ("due" in differs) {
      const due = differs.due[1];
      if (!due) return ["took the date off ", ...nameTasks(change)];
      return ["moved ", ...nameTasks(change), ` to ${sayShort(localDue(due, zone), today)}`];
    }
    if ("title" in differs) return ["renamed “", quote(differs.title[0]), "” to “", quote(differs.title[1]), "”"];
  }
  return [`${SAID[change.kind] ?? "changed"} `, ...nameTasks(change)];
}

function tellList(change) {
  const [list] = change.lists ?? [];
  if (!list) return [`${LISTS[change.kind]} a list`];
  if (/ was renamed from /.test(list.text ?? "")) return ["renamed a list to “", quote(list.name), "”"];
  return [`${LISTS[change.kind]} the list “`, quote(list.name), "”"];
}

/** Say what was done to several tasks: in one word if it is the same for those that are named. */
function tellSeveral(change, zone, today) {
  const shared = (name) => {
    const values = new Set(change.tasks.map(({ changes = {} }) => JSON.stringify(changes[name]?.[1] ?? null)));
    const isOfAll = change.tasks.every(({ changes = {} }) => name in changes);
    return isOfAll && values.size === 1 ? { value: JSON.parse([...values][0]) } : null;
  };
  const named = nameTasks(change);
  if (shared("status")?.value === "completed") return ["completed ", ...named];
  if (shared("deleted_at")?.value) return ["deleted ", ...named];
  const days = new Set(change.tasks.map(({ changes = {} }) => changes.due?.[1] && localDue(changes.due[1], zone).slice(0, 10)));
  const [day] = days;
  if (days.size === 1 && day) return ["moved ", ...named, ` to ${sayShort(day, today)}`];
  const priority = shared("priority");
  if (priority) return ["set ", ...named, ` to ${priority.value ?? "no"} priority`];
  return ["changed ", ...named];
}

function nameTasks(change) {
  const titles = [...new Set(change.tasks.map((task) => task.title))];
  if (titles.length === 0) return change.lists?.length ? ["the list “", quote(change.lists[0].name), "”"] : ["a task"];
  // A change names its first tasks, and its own sentence how many there are beside them.
  const unnamed = Number(/ and (\d+) more [\w ]+ by /.exec(change.text ?? "")?.[1] ?? 0);
  const others = titles.length - 1 + unnamed;
  const rest = others ? [` and ${others} more`] : [];
  return ["“", quote(titles[0]), "”", ...rest];
}

/** Return a refusal as a sentence for a person: a conflict says who changed which field. */
export function tellProblem(problem) {
  const names = Object.keys(problem.fields);
  const who = [...new Set(Object.values(problem.fields).filter(Boolean))].join(" and ") || "somebody else";
  // As in the line of the last change: an assistant by its name alone, and no name that only programs know.
  const plain = who.replaceAll("the person", "you").replaceAll(" (an assistant)", "");
  const said = plain.replace(/another app \([^()]*\)/g, "another app");
  const whom = said[0].toUpperCase() + said.slice(1);
  const what = names.map((name) => `its ${name.replaceAll("_", " ")}`).join(" and ");
  if (problem.code === "version_conflict" && names.length) return `${whom} has changed ${what} meanwhile.`;
  if (problem.code === "undo_conflict" && names.length) {
    return `That cannot be taken back: ${said} has changed ${what.replaceAll("its the ", "the ")} since.`;
  }
  return problem.message;
}
