"""Calendar feeds: a person's tasks for their calendar program (RFC 5545)."""
