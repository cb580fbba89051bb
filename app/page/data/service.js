// The way to the service: one function, with problems as sentences and repeats that cannot double anything.

import { sayRefusal } from "../text/refusals.js";

/** A refusal of the service, or no answer from it (`status` 0); `fields` are those that others changed, each by whom. */
export class Problem extends Error {
  constructor(status, code, detail, fields = {}, version = undefined) {
    super(detail);
    this.fields = fields;
    this.version = version;
    this.status = status;
    this.code = code;
  }

  get unreachable() {
    return this.status === 0;
  }
}

export const UNREACHABLE = "The service cannot be reached.";
const PATIENCE = 400;
/** What our own writes carry: a form of another site cannot send a header. */
export const OWN = { "X-Todo-Page": "1" };

/**
 * Return the JSON answer of a call, which is made again where none comes, unless `once`. A write carries a key, so that
 * it may be repeated when its answer was lost.
 */
export async function call(method, path, { body, version, key, keepalive, once = false } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") Object.assign(headers, OWN, { "Idempotency-Key": key ?? makeKey() });
  if (version !== undefined) headers["If-Match"] = `"${version}"`;
  const request = { method, headers, body: body === undefined ? undefined : JSON.stringify(body), keepalive };
  let response;
  try {
    response = await fetch(path, request);
  } catch {
    if (once) throw new Problem(0, "unreachable", UNREACHABLE);
    await new Promise((resolve) => setTimeout(resolve, PATIENCE));
    response = await fetch(path, request).catch(() => {
      throw new Problem(0, "unreachable", UNREACHABLE);
    });
  }
  return readAnswer(response);
}

/** Return the JSON of a response; throws `Problem`. */
export async function readAnswer(response) {
  if (response.status === 204) return {};
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Problem(
      response.status,
      answer.code ?? "",
      sayRefusal(answer.code ?? "", answer.detail ?? answer.title ?? "That did not work."),
      answer.fields,
      answer.version,
    );
  }
  return answer;
}

/** Return a path with a query; a list repeats its name. */
export function address(path, query) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat()) if (each !== undefined && each !== "") words.append(name, each);
  }
  return `${path}?${words}`;
}

/** Send a new task, or a new series where it has a rule, under its key. */
export function sendTask(key, fields) {
  return call("POST", fields.rule ? "/api/recurring-tasks" : "/api/tasks", { body: fields, key });
}

const ASKED = 50;

/** Return the answers of those writes that were carried out, by their keys: an answer may be lost on its way. */
export async function findAnswers(keys) {
  const found = new Map();
  for (let from = 0; from < keys.length; from += ASKED) {
    const asked = address("/api/requests", { request_id: keys.slice(from, from + ASKED) });
    const { requests } = await call("GET", asked, { once: true });
    for (const { request_id: key, answer } of requests) found.set(key, answer);
  }
  return found;
}

/** Return a key under which a write may be repeated. */
export function makeKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
