"""Tasks: creating, changing, completing, deleting and finding them."""
