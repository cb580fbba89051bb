// The MCP Inspector on the command line: one process for each step.

import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { command, over, play, url } from "./steps.mjs";

const require = createRequire(process.env.CLIENT_NODE + "/");
const found = require.resolve("@modelcontextprotocol/inspector/package.json");
const { bin } = require("@modelcontextprotocol/inspector/package.json");
const script = join(dirname(found), typeof bin === "string" ? bin : Object.values(bin)[0]);

function inspect(...words) {
  const target = over === "http" ? [url, "--transport", "http"] : command;
  const done = spawnSync(process.execPath, [script, "--cli", ...target, ...words], { encoding: "utf8", env: process.env });
  return done.stdout + done.stderr;
}

await play(
  async () => JSON.parse(inspect("--method", "tools/list")).tools.map((tool) => tool.name),
  async (name, args) => {
    const given = Object.entries(args).flatMap(([key, value]) => ["--tool-arg", `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`]);
    return inspect("--method", "tools/call", "--tool-name", name, ...given);
  },
);
