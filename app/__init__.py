"""The composition root and the edge: settings, storage, HTTP, Dapr, background work and the command line.

Read `service` (the parts of one process, put together), `http.app` (its HTTP application), `background` (its loops),
`storage.port` (what a database must do).
"""
