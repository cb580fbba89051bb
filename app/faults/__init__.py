"""Fault injection on the real chain: the product under load, the faults, and the oracle that judges the result."""
