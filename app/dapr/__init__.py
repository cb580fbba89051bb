"""The Dapr side of a process: its sidecar, the routes that the sidecar calls, and the topics of the catalogue."""
