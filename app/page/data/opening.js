// Which task is open beside the list.
import { state } from "./state.js";

/** Open a task beside the list; what had the keys gets them back when it closes. */
export function openTask(taskId) {
  state.opened = taskId;
  document.querySelector("task-detail").open(taskId);
  state.show();
}

/** Close the task that is open beside the list; what had the keys gets them back. */
export function closeTask() {
  document.querySelector("task-detail").close();
}

/** Go to a task from words that name it: its row glows, and it opens. */
export function goTo(taskId) {
  document.body.dataset.tab = "tasks";
  for (const tab of document.querySelectorAll(".tabs button")) {
    tab.setAttribute("aria-pressed", String(tab.dataset.tab === "tasks"));
  }
  document.querySelector("task-list").glow(taskId);
  openTask(taskId);
}

/** Take back or do again, and lead to what is there by it: its row glows, and gets the keys unless they are elsewhere. */
export async function leadBack(deed) {
  const change = await deed();
  const found = change && change.tasks.find(({ task_id: id }) => state.tasks.some((task) => task.id === id));
  if (!found) return;
  const list = document.querySelector("task-list");
  const active = document.activeElement;
  list.glow(found.task_id, { keys: active === document.body || list.contains(active) });
}
