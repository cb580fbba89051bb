// The events of one answer over the wire, as they happen.
import { Problem } from "./service.js";

/** Yield each event as `{name, data}`; throws `Problem`, or `AbortError` when stopped. */
export async function* readEvents(body, signal) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const event = readBlock(block);
        if (event) yield event;
      }
    }
  } catch (error) {
    if (signal?.aborted) throw new DOMException("stopped", "AbortError");
    if (error instanceof SyntaxError) throw new Problem(0, "bad_answer", "The answer cannot be read.");
    throw new Problem(0, "cut_off", "The connection was lost. What was done until then is done.");
  } finally {
    reader.cancel().catch(() => {});
  }
}

function readBlock(block) {
  let name = "message";
  const lines = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) lines.push(line.slice(5).replace(/^ /, ""));
  }
  return lines.length ? { name, data: JSON.parse(lines.join("\n")) } : null;
}
