"""Traces: one call from its request over commit, publishing and delivery to its reactions and channels."""
