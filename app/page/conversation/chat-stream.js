// One turn of the conversation over the wire: a message goes out, events come back as they happen.
import { readEvents } from "../data/event-stream.js";
import { OWN, Problem, readAnswer } from "../data/service.js";

/** Send a message and hand each event to `on(name, data)`; throws `Problem`, or `AbortError` when stopped. */
export async function sendMessage(body, on, signal) {
  const headers = { ...OWN, "Content-Type": "application/json", Accept: "text/event-stream" };
  let response;
  try {
    response = await fetch("/api/chat", { method: "POST", headers, body: JSON.stringify(body), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "unreachable", "The service cannot be reached.");
  }
  if (!response.ok) await readAnswer(response);
  let ended = false;
  for await (const { name, data } of readEvents(response.body, signal)) {
    ended ||= name === "done" || name === "error";
    on(name, data);
  }
  if (!ended) throw new Problem(0, "cut_off", "The answer was cut off. What it did until then is done.");
}
