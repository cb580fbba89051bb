"""The edge and the composition root: settings, storage, HTTP, Dapr, background work and the command line.

Read `service` (composes the parts of one process), `http.app` (its HTTP application), `background` (its loops),
`storage.port` (the database port).
"""
