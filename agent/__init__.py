"""The conversation: a message becomes a turn, a model or the built-in commands answer, tools are called over MCP.

Read `conversation` (opens a turn), `loop` (asks the model and carries out its calls), `journal` and `entries` (what
prevents a crash from repeating an effect), `toolbox` (the MCP client). Only `model` talks to OpenAI-compatible servers.
`builtin` answers without a model.
"""
