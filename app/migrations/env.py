"""Alembic's entry: runs the versions on the connection that the migration hands in."""

from alembic import context
from sqlmodel import SQLModel

from app.migrations import schema

# Text is compared by code points, as SQLite does: instants and dues as text, cursors and titles sort alike on both.
PLAIN_ORDER = """
DO $$ DECLARE each record; BEGIN
  FOR each IN SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables
      USING (table_schema, table_name) WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
      AND data_type = 'character varying' AND table_name <> 'alembic_version' AND collation_name IS DISTINCT FROM 'C'
  LOOP
    EXECUTE format('ALTER TABLE %I ALTER COLUMN %I TYPE varchar COLLATE "C"', each.table_name, each.column_name);
  END LOOP;
END $$
"""

assert schema.TABLES  # noqa: S101  # importing it registers every table

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, transaction_per_migration=False)
context.run_migrations()
if connection.dialect.name == "postgresql":
    connection.exec_driver_sql(PLAIN_ORDER)
