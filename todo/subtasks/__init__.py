"""Subtasks: the tree of tasks below tasks, its bounds, and what happens to a whole branch."""
