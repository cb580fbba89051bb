// The MCP Inspector on the command line: one process for each step.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { command, over, play, url } from "./steps.mjs";

const folder = join(process.env.CLIENT_NODE, "node_modules", "@modelcontextprotocol", "inspector");
const script = join(folder, JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).bin["mcp-inspector"]);

function inspect(...words) {
  const target = over === "http" ? [url, "--transport", "http"] : command;
  const done = spawnSync(process.execPath, [script, "--cli", ...target, ...words], { encoding: "utf8", env: process.env });
  return done.stdout || done.stderr; // a notice of its own age goes to the second
}

await play(
  async () => JSON.parse(inspect("--method", "tools/list")).tools.map((tool) => tool.name),
  async (name, args) => {
    const given = Object.entries(args).flatMap(([key, value]) => ["--tool-arg", `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`]);
    return inspect("--method", "tools/call", "--tool-name", name, ...given);
  },
);
