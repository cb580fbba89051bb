"""The conversation: a message becomes a turn, the model or the built-in commands answer, tools are called over MCP.

Read `conversation` (opens a turn), `loop` (asks the model, carries out its calls), `journal` (what a crash must not
repeat), `toolbox` (the MCP client). Only `model` talks to OpenAI-compatible servers. `builtin` answers without a model.
"""
