"""What it costs to see a service, to keep it small and to move what it holds."""
