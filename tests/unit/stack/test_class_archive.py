from pathlib import Path

import pytest

from deploy.embedded.class_archive import ClassArchive

FLAGS = ("-Xmx512m",)
USES, RECORDS = "-XX:AOTCache=", "-XX:AOTCacheOutput="


@pytest.fixture
def jar(tmp_path: Path) -> Path:
    path = tmp_path / "thing-1.0.jar"
    path.write_bytes(b"jar")
    return path


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept"


def recorded(archive: ClassArchive, jar: Path, content: str = "classes") -> None:
    option = archive.option(FLAGS, [jar])
    assert option.startswith(RECORDS)
    Path(option.removeprefix(RECORDS)).write_text(content)
    archive.keep()


def test_what_one_broker_recorded_others_use(tmp_path: Path, jar: Path, kept: Path) -> None:
    recorded(ClassArchive(kept, tmp_path / "one"), jar)
    option = ClassArchive(kept, tmp_path / "two").option(FLAGS, [jar])
    assert Path(option.removeprefix(USES)).read_text() == "classes"
    assert list((tmp_path / "one").iterdir()) == []


def test_other_flags_and_other_jars_need_another_archive(tmp_path: Path, jar: Path, kept: Path) -> None:
    archive = ClassArchive(kept, tmp_path / "one")
    recorded(archive, jar)
    assert archive.option(["-Xmx1g"], [jar]).startswith(RECORDS)
    jar.write_bytes(b"newer")
    assert archive.option(FLAGS, [jar]).startswith(RECORDS)


def test_a_newer_archive_takes_the_place_of_an_older_one(tmp_path: Path, jar: Path, kept: Path) -> None:
    archive = ClassArchive(kept, tmp_path / "one")
    recorded(archive, jar, "old")
    jar.write_bytes(b"newer")
    recorded(archive, jar, "new")
    assert [path.read_text() for path in kept.iterdir()] == ["new"]


def test_what_a_broken_off_run_left_is_not_kept(tmp_path: Path, jar: Path, kept: Path) -> None:
    archive = ClassArchive(kept, tmp_path / "one")
    Path(archive.option(FLAGS, [jar]).removeprefix(RECORDS)).write_text("half")
    archive.option(FLAGS, [jar])
    archive.keep()
    assert list(kept.iterdir()) == []


def test_without_room_for_an_archive_the_broker_stops_all_the_same(
    tmp_path: Path, jar: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorded(ClassArchive(tmp_path / "nowhere", tmp_path / "one"), jar)
    assert "reads them again" in caplog.text
