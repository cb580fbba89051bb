"""The `bench` command: measures every surface against no-op servers in the same run, as ratios."""
