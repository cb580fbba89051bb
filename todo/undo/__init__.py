"""Undo and redo of changes, and plans: many changes previewed, then applied as one."""
