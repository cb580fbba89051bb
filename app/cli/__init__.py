"""The command line: one module a command; `main` lists them."""
