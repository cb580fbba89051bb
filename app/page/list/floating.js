// What floats: a small box beside the button that asked for it, on a phone a sheet from below.
import { make } from "../text/elements.js";

/** Return a closed box of this name; Escape or a click elsewhere closes it, and it does not stay open behind the keys. */
export function makeFloating(name, close) {
  const box = make("div", { class: "menu", popover: "auto", role: "dialog", "aria-label": name });
  document.body.append(box);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.stopPropagation();
  });
  box.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !box.contains(relatedTarget)) close();
  });
  return box;
}

/** Open a box beside its button. */
export function openBeside(box, button) {
  box.showPopover();
  const { right, bottom, top } = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = box;
  const below = bottom + height + 8 < innerHeight;
  box.style.left = `${Math.max(8, Math.min(right - width, innerWidth - width - 8))}px`;
  box.style.top = `${Math.max(8, below ? bottom + 4 : Math.min(top - height - 4, innerHeight - height - 8))}px`;
}
