// The TypeScript SDK of MCP, version 1: the package that CLIENT_PACKAGE names.

import { command, over, play, url } from "./steps.mjs";

const sdk = process.env.CLIENT_PACKAGE;
const { Client } = await import(`${sdk}/client/index.js`);
const { StreamableHTTPClientTransport } = await import(`${sdk}/client/streamableHttp.js`);
const { StdioClientTransport } = await import(`${sdk}/client/stdio.js`);

const client = new Client({ name: "matrix", version: "1" });
const stdio = { command: command[0], args: command.slice(1), env: { ...process.env } };
await client.connect(over === "http" ? new StreamableHTTPClientTransport(new URL(url)) : new StdioClientTransport(stdio));

await play(
  async () => (await client.listTools()).tools.map((tool) => tool.name),
  async (name, args) => {
    const result = await client.callTool({ name, arguments: args });
    if (Boolean(result.isError) !== (name === "get_task")) throw new Error(JSON.stringify(result));
    return result.content[0].text;
  },
);
await client.close();
