"""Everything on the HTTP port: the page, REST, chat, OpenAI's shapes, MCP, health; `app` composes it."""
