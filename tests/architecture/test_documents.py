"""Generated documents have not drifted, and migrations make the schema of the models."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from app.cli.documents import write_documents
from app.migrations import HEAD, migrate_file, schema

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", sorted(write_documents()))
def test_a_generated_document_has_not_drifted(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == write_documents()[path], "renew it with: python3 -m app.cli.documents"


# Of this index SQLite tells no expression, so that it is not compared here; on PostgreSQL the same test compares it.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index ix_task_completed")
@pytest.mark.filterwarnings(
    "ignore:autogenerate skipping metadata-specified expression-based index 'ix_task_completed'"
)
def test_the_models_are_what_the_migrations_make(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    assert migrate_file(tmp_path / "new.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'new.db'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_name": lambda name, kind, _parents: kind != "table" or not str(name).startswith("task_search")
            },
        )
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()
    assert {table.name for table in schema.TABLES} == set(SQLModel.metadata.tables)


def test_head_is_the_newest_script() -> None:
    names = sorted(path.name for path in (ROOT / "app/migrations/versions").rglob("v*.py"))
    assert names[-1].startswith(f"v{HEAD}_")


def test_a_migrated_file_is_left_alone_and_a_newer_one_refused(tmp_path: Path) -> None:
    import sqlite3

    from todo.errors import StorageUnavailable

    path = tmp_path / "a.db"
    assert migrate_file(path)
    assert not migrate_file(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(StorageUnavailable, match="newer version"):
        migrate_file(path)


def test_a_file_of_the_first_schema_is_copied_and_brought_up_with_its_tasks(tmp_path: Path) -> None:
    import sqlite3

    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    path = tmp_path / "old.db"
    config = Config()
    config.set_main_option("script_location", str(ROOT / "app/migrations"))
    config.set_main_option("recursive_version_locations", "true")
    with create_engine(f"sqlite:///{path}").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO task (id, user_id, title, notes, status, deadline, priority, tags, version, created_at, "
            "updated_at, title_key, words, unindexed) "
            "VALUES ('t', 'local', 'Old', '', 'open', 'x', 0, '[]', 1, 'x', 'x', 'old', ' old', 1), "
            "('u', 'local', 'Łódź', 'C++', 'open', 'x', 0, '[\"Ł\"]', 1, 'x', 'x', 'łodz', ' łodz \x1f c ł ', 0)"
        )
    assert migrate_file(path)
    assert [each.name for each in tmp_path.glob("old.db.before-*")] == [f"old.db.before-{HEAD}"]
    raw = sqlite3.connect(path)
    assert raw.execute("SELECT id, kind, recurring_id, edited FROM task WHERE id = 't'").fetchall() == [
        ("t", "task", None, "")
    ]
    folded = raw.execute("SELECT title_key, words, unindexed FROM task WHERE id = 'u'").fetchone()
    assert folded == ("lodz", " lodz \x1f c++ l ", 1), "words are folded by today's rules, and indexed again"
    raw.close()


def test_the_event_schemas_are_schemas() -> None:
    for path, content in write_documents().items():
        if path.endswith(".json"):
            assert TypeAdapter(dict[str, object]).validate_json(content)["type"] == "object"
