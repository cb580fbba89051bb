"""The `bench` command: every surface measured beside a server that does nothing, as ratios of one run."""
