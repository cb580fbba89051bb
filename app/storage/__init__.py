"""Where use cases run: `port` says what a database must do, `sqlite_writer` and `postgres` do it, `store` adds time
and ids.
"""
