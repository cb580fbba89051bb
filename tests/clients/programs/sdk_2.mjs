// The TypeScript SDK of MCP, version 2.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { command, over, play, url } from "./steps.mjs";

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
