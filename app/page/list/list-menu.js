// The menu of a list, at its heading and at the side: rename it, or delete it with or without its tasks.
import { changeList } from "../data/actions.js";
import { readPlace } from "../data/places.js";
import { drawSign, isComposing, make, makeButton, quote } from "../text/elements.js";
import { makeFloating, openBeside } from "./floating.js";

let menu = null;
let opener = null;

/** Return the button that opens the menu of the list which `find` returns, `{id, name, open}`. */
export function makeListButton(find, label) {
  const click = (event) => openMenu(find(), event.currentTarget);
  const names = { type: "button", class: "more", "aria-haspopup": "dialog", "aria-label": label, title: "Rename, delete" };
  return make("button", { ...names, click }, drawSign("dots"));
}

function openMenu(list, button) {
  menu ??= makeFloating("Change the list", () => close(false));
  const same = opener === button && menu.matches(":popover-open");
  close(false);
  if (same) return;
  opener = button;
  const field = make("input", { "aria-label": "Name of the list", value: list.name, maxlength: 64, dir: "auto", required: true });
  field.addEventListener("keydown", (event) => isComposing(event) && event.key === "Enter" && event.preventDefault());
  const submit = (event) => {
    event.preventDefault();
    const name = field.value.trim();
    close();
    if (name && name !== list.name) changeList(list, { name });
  };
  const some = list.open === 1 ? "its open task" : `its ${list.open} open tasks`;
  const drop = (words, tasks) => makeButton(words, () => remove(list, tasks), { class: "danger" });
  menu.replaceChildren(
    make("p", { class: "of" }, quote(list.name)),
    make("form", { class: "line", submit }, field, make("button", { type: "submit" }, "Rename")),
    make(
      "fieldset",
      {},
      make("legend", {}, "Delete the list"),
      make(
        "div",
        { class: "choices" },
        drop(list.open ? `Keep ${some}` : "Delete", "keep"),
        list.open ? drop(`Delete ${some} too`, "delete") : null,
      ),
      list.open ? make("p", { class: "fact" }, "Tasks that are kept go to the inbox.") : null,
    ),
  );
  openBeside(menu, button);
  field.focus();
}

async function remove(list, tasks) {
  close();
  if (!(await changeList(list, null, tasks))) return;
  if (readPlace().list === list.id) location.hash = "inbox";
}

function close(back = true) {
  if (!menu?.matches(":popover-open")) return;
  menu.hidePopover();
  if (back) opener?.focus();
}
