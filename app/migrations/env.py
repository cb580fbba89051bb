"""Alembic's entry: runs the versions on the connection that `migrate_file` hands in."""

from alembic import context
from sqlmodel import SQLModel

from app import schema

assert schema.TABLES  # noqa: S101  # importing it registers every table

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, transaction_per_migration=False)
context.run_migrations()
