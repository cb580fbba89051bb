// How elements are made: text is always text, never markup.

/** Return an element; attributes that are functions are listeners, `true` and `false` switch, null is left out. */
export function make(tag, attributes = {}, ...children) {
  const element = tag.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Return a button; `name` is its accessible name if its text alone is not enough. */
export function makeButton(text, onClick, attributes = {}) {
  return make("button", { type: "button", click: onClick, ...attributes }, text);
}

const SIGNS = {
  bell: "M10 3.2a4.6 4.6 0 0 0-4.6 4.6c0 4-1.6 5-1.6 5h12.4s-1.6-1-1.6-5A4.6 4.6 0 0 0 10 3.2zM8.6 15.6a1.5 1.5 0 0 0 2.8 0",
  again: "M4 9.2a6 6 0 0 1 10.6-3.1l1.6 1.7M16.3 4v3.9h-3.9M16 10.8a6 6 0 0 1-10.6 3.1l-1.6-1.7M3.7 16v-3.9h3.9",
  day: "M4 5.5h12v11H4zM4 9h12M7.5 3.5v3M12.5 3.5v3",
  dots: "M5 10h.01M10 10h.01M15 10h.01",
};

/** Return a small icon: `bell`, `again`, `day` or `dots`; its meaning must be in words beside it. */
export function drawSign(name) {
  const box = { viewBox: "0 0 20 20", "aria-hidden": "true", class: `sign sign-${name}` };
  return make("svg:svg", box, make("svg:path", { d: SIGNS[name] }));
}

/** Return text that only screen readers get. */
export function whisper(text) {
  return make("span", { class: "whisper" }, text);
}

/** Return a person's text isolated in its own direction, so that it does not reorder the text around it. */
export function quote(text) {
  return make("bdi", { dir: "auto" }, text);
}

/** Let an element have this text; the same text again touches nothing, so that nothing is laid out for it. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Return a number as it is read, `2,000`: the browser's own words for it take a millisecond each. */
export function sayCount(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Return a field for a time of day, in the 24 hours in which the page says times; on a phone its own wheels. */
export function makeTimeField(attributes = {}) {
  const own = matchMedia("(hover: none)").matches;
  const typed = { placeholder: "hh:mm", pattern: "([01][0-9]|2[0-3]):[0-5][0-9]", maxlength: 5, size: 5, autocomplete: "off", title: "Such as 17:00" };
  return make("input", { ...(own ? { type: "time" } : { type: "text", ...typed }), ...attributes });
}

/** Put `wanted` elements in this order into `parent`, moving only misplaced ones, so that the focus stays. */
export function arrange(parent, wanted) {
  const present = [...parent.children];
  if (present.length === wanted.length && present.every((child, index) => child === wanted[index])) return;
  const focused = document.activeElement;
  const kept = new Set(wanted);
  for (const child of present) if (!kept.has(child)) child.remove();
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
}

/** The longest wait for a frame: a window out of sight shows none. */
const UNSEEN = 500;

/** Wait until the next frame is on screen, so that what follows does not hold it up. */
export function seeFrame() {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, UNSEEN);
  });
}

/** Return whether a key belongs to an input method that is composing; Safari ends the composition before this key. */
export function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

/** Return whether somebody is writing there, so that letters are not keys. */
export function isWriting(element) {
  return element?.matches?.("input:not([type=checkbox]), textarea, select") ?? false;
}
