"""REST: thin routes over the use cases of `todo`."""
