"""What one caller pays, what the IDE's way costs, and how soon a process is ready."""
