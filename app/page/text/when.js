// Dates in short words, in the person's own zone instead of the browser's.

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const clocks = new Map();

/** Return an instant (a Date or text) as local `YYYY-MM-DDTHH:MM` of a zone. */
export function toLocal(instant, zone) {
  if (!clocks.has(zone)) {
    const form = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" };
    clocks.set(zone, new Intl.DateTimeFormat("en-GB", { ...form, hourCycle: "h23", timeZone: zone }));
  }
  const parts = {};
  for (const { type, value } of clocks.get(zone).formatToParts(new Date(instant))) parts[type] = value;
  return `${parts.year.padStart(4, "0")}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}`;
}

/** Return whether two zones show the same time all year round from a moment on, such as UTC and Etc/UTC. */
export function isSameZone(one, other, from) {
  if (one === other) return true;
  const weeks = Array.from({ length: 53 }, (_, week) => new Date(from.getTime() + week * 7 * 86_400_000));
  return weeks.every((at) => toLocal(at, one) === toLocal(at, other));
}

/** Return a date some days later. */
export function addDays(date, days) {
  const moved = new Date(`${date}T00:00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + days);
  return moved.toISOString().slice(0, 10);
}

/** Return how many days the date `to` is after `from`. */
export function countDays(from, to) {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000);
}

/** Return the Monday after a date. */
export function nextMonday(date) {
  return addDays(date, (8 - new Date(`${date}T00:00:00Z`).getUTCDay()) % 7 || 7);
}

const MINUTES = { m: 1, h: 60, d: 1_440, w: 10_080 };

/** Return a local time some while earlier: `before` as the service writes it, such as `30m` or `1d`. */
export function goBack(local, before) {
  const parts = [...before.matchAll(/(\d+)([mhdw])/g)];
  const minutes = parts.reduce((sum, [, count, unit]) => sum + Number(count) * MINUTES[unit], 0);
  return new Date(Date.parse(`${local}Z`) - minutes * 60_000).toISOString().slice(0, 16);
}

/** Return a date as a heading: `Monday 23 November`. */
export function sayHeading(date) {
  const day = new Date(`${date}T00:00:00Z`);
  return `${DAYS[day.getUTCDay()]} ${day.getUTCDate()} ${MONTHS[day.getUTCMonth()]}`;
}

/** Return a date in short: `30 Nov`. */
export function sayDate(date) {
  const day = new Date(`${date}T00:00:00Z`);
  return `${day.getUTCDate()} ${MONTHS[day.getUTCMonth()].slice(0, 3)}`;
}

/** Return a date as the head of a column: `Mon 23`. */
export function sayColumn(date) {
  const day = new Date(`${date}T00:00:00Z`);
  return `${DAYS[day.getUTCDay()].slice(0, 3)} ${day.getUTCDate()}`;
}

/** Return a local date or time in short words: `18:00`, `yesterday 17:00`, `Fri 17:00`, `3 Dec`. */
export function sayShort(local, today, { plain = false } = {}) {
  const date = local.slice(0, 10);
  const time = local.slice(11, 16);
  const ahead = countDays(today, date);
  if (ahead === 0) return plain && time ? time : ["today", time].join(" ").trim();
  return [sayDay(date, ahead, today), time].join(" ").trim();
}

function sayDay(date, ahead, today) {
  if (ahead === 1) return "tomorrow";
  if (ahead === -1) return "yesterday";
  const day = new Date(`${date}T00:00:00Z`);
  if (ahead > 1 && ahead < 7) return DAYS[day.getUTCDay()].slice(0, 3);
  const year = date.slice(0, 4) === today.slice(0, 4) ? "" : ` ${date.slice(0, 4)}`;
  return `${day.getUTCDate()} ${MONTHS[day.getUTCMonth()].slice(0, 3)}${year}`;
}

/** Return how late something was: `5 min`, `3 h 10 min`, `2 days 15 h`. */
export function sayLate(seconds) {
  const minutes = Math.round(seconds / 60);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  const parts = [[days, days === 1 ? "day" : "days"], [hours, "h"], [minutes % 60, "min"]];
  const first = parts.findIndex(([count]) => count);
  const said = first < 0 ? [] : parts.slice(first, first + 2).filter(([count]) => count);
  return said.map(([count, unit]) => `${count} ${unit}`).join(" ");
}

/** Return a local form of a due: a date stays one, an instant becomes local time. */
export function localDue(due, zone) {
  return due.length === 10 ? due : toLocal(due, zone);
}

/** Return a moment in short words, in the person's zone: `today 14:05`. */
export function sayMoment(instant, zone) {
  const now = toLocal(new Date(), zone);
  const local = toLocal(new Date(instant), zone);
  return local.slice(0, 10) === now.slice(0, 10) ? `today ${local.slice(11, 16)}` : local.slice(0, 16).replace("T", " ");
}

const UNITS = { m: "min", h: "h", d: "day", w: "week" };

/** Return a reminder's distance from its due in words: `30 min before`, `at due`. */
export function sayLead(lead) {
  const parts = [...lead.matchAll(/(\d+)([mhdw])/g)].filter(([, count]) => Number(count));
  if (!parts.length) return "at due";
  const said = parts.map(([, count, unit]) => `${count} ${UNITS[unit]}${/[dw]/.test(unit) && count !== "1" ? "s" : ""}`);
  return `${said.join(" ")} before`;
}
