// OpenAI's JavaScript client, on /v1.

import OpenAI from "openai";
import { report, title, url } from "./steps.mjs";

const client = new OpenAI({ baseURL: url, apiKey: "none" });

async function say(text, model = "offline-commands") {
  try {
    const answer = await client.chat.completions.create({ model, messages: [{ role: "user", content: text }] });
    return answer.choices[0].message.content;
  } catch (error) {
    return `${error.code} ${error.message}`;
  }
}

async function stream(text) {
  const parts = await client.chat.completions.create({ model: "offline-commands", messages: [{ role: "user", content: text }], stream: true });
  let whole = "";
  for await (const part of parts) whole += part.choices[0]?.delta?.content ?? "";
  return whole;
}

const tools = [];
for await (const model of client.models.list()) tools.push(model.id);
report({ tools, made: await say(`add ${title}`), found: await stream(`find ${title}`), wrong: await say("add milk", "no-such-model") });
