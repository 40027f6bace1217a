from pathlib import Path

import pytest

from deploy.migrate import Migration, MigrationChanged, find_migrations, outstanding


def test_migrations_come_service_by_service_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("notifier/0001_a.sql", "ingest/0002_b.sql", "ingest/0001_a.sql", "ingest/notes.sql"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("SELECT 1")
    assert [str(each) for each in find_migrations(tmp_path)] == ["ingest/0001_a", "ingest/0002_b", "notifier/0001_a"]


def test_only_what_was_not_applied_is_outstanding() -> None:
    first, second = Migration("ingest", "0001_a", "SELECT 1"), Migration("ingest", "0002_b", "SELECT 2")
    assert outstanding([first, second], {("ingest", "0001_a"): first.checksum}) == [second]


def test_an_edited_migration_is_refused() -> None:
    with pytest.raises(MigrationChanged, match="ingest/0001_a"):
        outstanding([Migration("ingest", "0001_a", "SELECT 1")], {("ingest", "0001_a"): "another"})


def test_every_service_that_has_tables_has_migrations() -> None:
    assert {migration.service for migration in find_migrations()} == {"ingest", "aggregator", "notifier"}
