"""Faults on the real chain: the product under load, what is done to it, and what an oracle says of it."""
