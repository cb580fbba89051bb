"""The command line: one module per command; `main` lists them."""
