// Reads a calendar from standard input and prints the starts of its events as dues, up to an instant given in UTC.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [home, until] = process.argv.slice(2);
const ICAL = createRequire(`${home}/package.json`)("ical.js").default ?? createRequire(`${home}/package.json`)("ical.js");
const calendar = new ICAL.Component(ICAL.parse(readFileSync(0, "utf8")));
for (const zone of calendar.getAllSubcomponents("vtimezone")) ICAL.TimezoneService.register(zone);

const say = (time) => (time.isDate ? time.toString() : `${time.toJSDate().toISOString().slice(0, 19)}Z`);
const parts = calendar.getAllSubcomponents("vevent");
const found = [];
for (const part of parts.filter((each) => !each.hasProperty("recurrence-id"))) {
  const uid = part.getFirstPropertyValue("uid");
  const exceptions = parts.filter((each) => each !== part && each.getFirstPropertyValue("uid") === uid);
  const event = new ICAL.Event(part, { exceptions });
  if (!event.isRecurring()) {
    found.push(say(event.startDate));
    continue;
  }
  const walk = event.iterator();
  for (let next = walk.next(); next; next = walk.next()) {
    const start = say(event.getOccurrenceDetails(next).startDate);
    if (start >= until) break;
    found.push(start);
  }
}
process.stdout.write(JSON.stringify(found.sort()));
