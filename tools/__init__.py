"""The MCP surface: sixteen tools, resources and prompts, each a thin form of a use case in `todo`.

Read `server` (everything put together), `tool` (how a call is run), then the tools themselves.
"""
