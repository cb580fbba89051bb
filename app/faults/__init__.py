"""Faults on the real chain: the product under load, what is done to it, and the oracle that looks at what came of it."""
