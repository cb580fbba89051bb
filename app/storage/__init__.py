"""Storage: transactions on SQLite and PostgreSQL, and the store that runs use cases in them.

Read `port` (the interface of a database), `sqlite` and `sqlite_writer` (SQLite), `postgres` (PostgreSQL), `store` (use
cases with time and ids), `wakeup` (signals after a commit), `schema` (all tables).
"""
