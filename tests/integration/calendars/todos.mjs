// Reads a calendar from standard input and prints its to-dos by title: start, due and the to-do above, as ical.js has them.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [home] = process.argv.slice(2);
const ICAL = createRequire(`${home}/package.json`)("ical.js").default ?? createRequire(`${home}/package.json`)("ical.js");
const calendar = new ICAL.Component(ICAL.parse(readFileSync(0, "utf8")));
const parts = calendar.getAllSubcomponents("vtodo");
const titles = new Map(parts.map((part) => [part.getFirstPropertyValue("uid"), part.getFirstPropertyValue("summary")]));
const say = (time) => time && (time.isDate ? time.toString() : `${time.toJSDate().toISOString().slice(0, 19)}Z`);
const found = parts.map((part) => {
  const above = part.getFirstProperty("related-to");
  const parent = above?.getParameter("reltype") === "PARENT" ? titles.get(above.getFirstValue()) : null;
  const [start, due] = ["dtstart", "due"].map((name) => say(part.getFirstPropertyValue(name)) ?? null);
  return [part.getFirstPropertyValue("summary"), [start, due, parent ?? null]];
});
process.stdout.write(JSON.stringify(Object.fromEntries(found)));
