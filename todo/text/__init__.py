"""Times and titles as people write and read them; pure."""
