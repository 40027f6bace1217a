import os
import time
from pathlib import Path

import pytest

from deploy.embedded.child_process import ChildProcess, Program
from deploy.embedded.class_archive import UNUSED_SECONDS, ClassArchive, archive_key
from deploy.embedded.home import Home
from deploy.embedded.kafka_broker import KafkaBroker

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


@pytest.mark.parametrize("damage", [b"", b"cl\0\0ses", b"class\0\0", b"clas", b"classes\0"])
def test_a_damaged_archive_is_removed_and_recorded_anew(tmp_path: Path, jar: Path, kept: Path, damage: bytes) -> None:
    archive = ClassArchive(kept, tmp_path / "one")
    recorded(archive, jar)
    [damaged] = kept.iterdir()
    damaged.write_bytes(damage)
    recorded(archive, jar)
    [whole] = kept.iterdir()
    assert whole.read_text() == "classes"
    assert archive.option(FLAGS, [jar]) == f"{USES}{whole}"


def test_of_two_archives_for_one_purpose_the_damaged_one_goes_and_the_other_is_used(
    tmp_path: Path, jar: Path, kept: Path
) -> None:
    one, two = ClassArchive(kept, tmp_path / "one"), ClassArchive(kept, tmp_path / "two")
    options = [archive.option(FLAGS, [jar]) for archive in (one, two)]
    for archive, option, content in zip((one, two), options, ("first", "second"), strict=True):
        Path(option.removeprefix(RECORDS)).write_text(content)
        archive.keep()
    damaged, whole = sorted(kept.iterdir())
    damaged.write_bytes(bytes(5))
    assert one.option(FLAGS, [jar]) == f"{USES}{whole}"
    assert list(kept.iterdir()) == [whole]


def test_homes_with_different_jars_leave_each_other_their_archives(tmp_path: Path, jar: Path, kept: Path) -> None:
    archive = ClassArchive(kept, tmp_path / "one")
    recorded(archive, jar, "old")
    jar.write_bytes(b"newer")
    recorded(archive, jar, "new")
    assert {path.read_text() for path in kept.iterdir()} == {"old", "new"}


def test_an_archive_that_nobody_used_for_long_makes_room_with_the_next_one(
    tmp_path: Path, jar: Path, kept: Path
) -> None:
    archive, other = ClassArchive(kept, tmp_path / "one"), tmp_path / "other.jar"
    other.write_bytes(b"other")
    recorded(archive, jar, "used")
    recorded(archive, other, "unused")
    (kept / ".1.draft.aot").write_text("draft")
    long_ago = time.time() - UNUSED_SECONDS - 60
    for path in kept.iterdir():
        os.utime(path, (long_ago, long_ago))
    assert archive.option(FLAGS, [jar]).startswith(USES)
    other.write_bytes(b"newer")
    recorded(archive, other, "new")
    assert {path.read_text() for path in kept.iterdir()} == {"used", "new"}


def test_what_a_broken_off_run_left_is_not_kept(tmp_path: Path, jar: Path, kept: Path) -> None:
    archive = ClassArchive(kept, tmp_path / "one")
    Path(archive.option(FLAGS, [jar]).removeprefix(RECORDS)).write_text("half")
    archive.option(FLAGS, [jar])
    archive.keep()
    assert list(kept.iterdir()) == []


def test_what_a_broken_off_run_left_does_not_stand_beside_a_good_one(tmp_path: Path, jar: Path, kept: Path) -> None:
    archive = ClassArchive(kept, tmp_path / "one")
    Path(archive.option(FLAGS, [jar]).removeprefix(RECORDS)).write_text("half")
    recorded(ClassArchive(kept, tmp_path / "two"), jar)
    assert archive.option(FLAGS, [jar]).startswith(USES)
    archive.keep()
    assert [path.read_text() for path in kept.iterdir()] == ["classes"]


@pytest.mark.parametrize(
    ("end", "count"), [("exit 0", 1), ("exit 143", 1), ("exit 1", 0), ("exit 134", 0), ("kill -9 $$", 0)]
)
async def test_only_a_broker_that_ended_cleanly_leaves_its_classes(tmp_path: Path, end: str, count: int) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    broker = KafkaBroker(home=Home(tmp_path / "home"), port=1, controller_port=2, environment=environment)
    archive = broker.classes()
    archive.recorded.mkdir(parents=True)
    (archive.recorded / "key.aot").write_text("classes")
    program = Program(command=("/bin/sh", "-c", end), folder=tmp_path, environment={}, log=tmp_path / "log")
    child = await ChildProcess.start(program)
    await child.wait()
    await broker.stop(child)
    assert len(list(archive.kept.glob("key.*.aot"))) == count


def test_without_room_for_an_archive_the_broker_stops_all_the_same(
    tmp_path: Path, jar: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorded(ClassArchive(tmp_path / "nowhere", tmp_path / "one"), jar)
    assert "reads them again" in caplog.text


def test_a_damaged_archive_that_cannot_be_removed_is_not_used(
    tmp_path: Path, jar: Path, kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # A folder in its place can neither be read as a file nor removed as one.
    (kept / f"{archive_key(FLAGS, [jar])}.{'0' * 64}.aot").mkdir()
    archive = ClassArchive(kept, tmp_path / "one")
    assert archive.option(FLAGS, [jar]).startswith(RECORDS)
    assert "cannot be used" in caplog.text


def test_a_cache_that_is_no_folder_stops_no_broker(tmp_path: Path, jar: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    recorded(ClassArchive(tmp_path / "file", tmp_path / "one"), jar)
    assert "reads them again" in caplog.text


def test_a_full_disk_leaves_no_half_archive(
    tmp_path: Path, jar: Path, kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (kept / f".{os.getpid()}.{archive_key(FLAGS, [jar])}.aot").symlink_to("/dev/full")
    recorded(ClassArchive(kept, tmp_path / "one"), jar)
    assert "No space left on device" in caplog.text
    assert list(kept.iterdir()) == []
