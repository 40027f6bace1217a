"""The ledger on disk: what a dead processor had in hand, as the next one finds it."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from services.processor.adapters.ledger_folder import LedgerFolder
from shared.errors import DependencyAway
from shared.kafka.records import Trigger
from tests.waiting import until

CUP = Trigger("images.requested.express.v1", 3, 70)
PLATE = Trigger("images.requested.bulk.v1", 0, 5)

_OWNER = """
import signal, sys
from pathlib import Path
from services.processor.adapters.ledger_folder import LedgerFolder
from shared.kafka.records import Trigger

ledger = LedgerFolder(Path(sys.argv[1]), slots=4)
with ledger.working_on(Trigger("cups", 0, 1)), ledger.working_on(Trigger("cups", 0, 2), deaths_if_last=2):
    with ledger.working_on(Trigger("cups", 0, 3)):
        pass
    print("ready", flush=True)
    signal.pause()
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "processor"


@pytest.fixture
def ledger(home: Path) -> Iterator[LedgerFolder]:
    made = LedgerFolder(home, slots=4)
    yield made
    made.close()


def files(home: Path) -> set[str]:
    return {path.parent.name for path in home.rglob("*") if path.is_file()} - {home.name}


def suspects(home: Path) -> list[Path]:
    return list((home / "suspects").iterdir())


async def died_over(home: Path, trigger: Trigger, *, deaths_if_last: int = 0) -> None:
    """Leave the ledger as a processor does that dies while it works on a record."""
    dead = LedgerFolder(home, slots=1)
    with pytest.raises(ZeroDivisionError), dead.working_on(trigger, deaths_if_last=deaths_if_last):
        raise ZeroDivisionError
    dead.close()


async def test_nobody_is_a_suspect_at_first(ledger: LedgerFolder) -> None:
    await ledger.adopt()
    assert ledger.deaths_of(CUP) is None


async def test_what_a_killed_processor_had_in_hand_is_a_suspect_and_nothing_else(
    home: Path, ledger: LedgerFolder
) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _OWNER, str(home), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert owner.stdout is not None
        await owner.stdout.readline()
        await ledger.adopt()
        assert ledger.deaths_of(Trigger("cups", 0, 1)) is None, "its owner lives"
    finally:
        owner.kill()
        await owner.communicate()
    await ledger.adopt()
    deaths = [ledger.deaths_of(Trigger("cups", 0, offset)) for offset in (1, 2, 3)]
    assert deaths == [0, 2, None]


async def test_all_processors_know_all_suspects(home: Path, ledger: LedgerFolder) -> None:
    await died_over(home, CUP)
    await ledger.adopt()
    other = LedgerFolder(home, slots=4)
    await other.adopt()
    assert (ledger.deaths_of(CUP), other.deaths_of(CUP)) == (0, 0)
    other.close()


async def test_adopting_twice_counts_no_death_twice(home: Path, ledger: LedgerFolder) -> None:
    await died_over(home, CUP, deaths_if_last=1)
    await ledger.adopt()
    await ledger.adopt()
    assert ledger.deaths_of(CUP) == 1
    await died_over(home, CUP, deaths_if_last=2)
    await ledger.adopt()
    assert ledger.deaths_of(CUP) == 2


async def test_a_death_in_company_forgets_none_of_those_alone(home: Path, ledger: LedgerFolder) -> None:
    await died_over(home, CUP, deaths_if_last=2)
    await ledger.adopt()
    await died_over(home, CUP)
    await ledger.adopt()
    assert ledger.deaths_of(CUP) == 2


async def test_a_suspect_whose_record_is_gone_from_its_topic_is_forgotten(home: Path, ledger: LedgerFolder) -> None:
    await died_over(home, CUP)
    await ledger.adopt()
    (suspect,) = suspects(home)
    os.utime(suspect, (0, 0))
    await ledger.adopt()
    assert ledger.deaths_of(CUP) is None
    assert suspects(home) == []


async def test_a_suspect_that_is_cleared_is_none_for_anybody(home: Path, ledger: LedgerFolder) -> None:
    await died_over(home, CUP)
    await died_over(home, PLATE)
    await ledger.adopt()
    ledger.clear(CUP)
    ledger.clear(CUP)
    assert (ledger.deaths_of(CUP), ledger.deaths_of(PLATE)) == (None, 0)
    other = LedgerFolder(home, slots=4)
    await other.adopt()
    assert (other.deaths_of(CUP), other.deaths_of(PLATE)) == (None, 0)
    other.close()


@pytest.mark.parametrize("ended_by", [DependencyAway("s3", "no answer"), asyncio.CancelledError()])
async def test_what_will_come_again_to_a_living_processor_is_no_suspect(home: Path, ended_by: BaseException) -> None:
    stopping = LedgerFolder(home, slots=4)
    with pytest.raises(type(ended_by)), stopping.working_on(CUP):
        raise ended_by
    stopping.close()
    assert files(home) == set()


async def test_a_clean_stop_leaves_nothing_behind(home: Path) -> None:
    stopping = LedgerFolder(home, slots=4)
    await stopping.adopt()
    with stopping.working_on(CUP), stopping.working_on(PLATE):
        assert files(home) == {"in-flight"}
    stopping.close()
    assert files(home) == set()


async def test_as_many_records_as_there_are_slots_and_again(ledger: LedgerFolder) -> None:
    for _ in range(3):
        with ExitStack() as held:
            for offset in range(4):
                held.enter_context(ledger.working_on(Trigger("cups", 0, offset)))


async def test_a_bug_that_finds_no_slot_is_told_as_it_is(ledger: LedgerFolder) -> None:
    with ExitStack() as held:
        for offset in range(4):
            held.enter_context(ledger.working_on(Trigger("cups", 0, offset)))
        with pytest.raises(ZeroDivisionError), ledger.working_on(CUP):
            raise ZeroDivisionError


async def test_without_a_folder_that_can_be_written_there_is_no_ledger(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    ledger = LedgerFolder(tmp_path / "file" / "processor", slots=4)
    await ledger.adopt()
    with ledger.working_on(CUP):
        assert ledger.deaths_of(CUP) is None
    ledger.close()
    assert [record.message for record in caplog.records] == ["no ledger of suspects: its folder cannot be written"]


async def test_a_processor_that_was_stopped_while_it_adopted_holds_up_nobody_for_long(home: Path) -> None:
    holder = """
import fcntl, os, signal, sys
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(file, fcntl.LOCK_EX)
print("ready", flush=True)
signal.pause()
"""
    await died_over(home, CUP)
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", holder, str(home / "adopting.lock"), stdout=asyncio.subprocess.PIPE
    )
    ledger = LedgerFolder(home, slots=4, adopting_seconds=0.1)
    try:
        assert owner.stdout is not None
        await owner.stdout.readline()
        await ledger.adopt()
        assert ledger.deaths_of(CUP) == 0
    finally:
        owner.kill()
        await owner.communicate()
        ledger.close()


async def test_what_nobody_can_read_does_no_harm(home: Path, ledger: LedgerFolder) -> None:
    (home / "suspects" / "cups@0@1").write_bytes(b"many")
    (home / "in-flight" / "scribble").write_bytes(b"\1")
    await ledger.adopt()
    assert ledger.deaths_of(Trigger("cups", 0, 1)) == 0
    await until(lambda: not (home / "in-flight" / "scribble").exists())


async def test_one_odd_entry_hides_no_suspect(home: Path, ledger: LedgerFolder) -> None:
    await died_over(home, CUP, deaths_if_last=1)
    for folder in ("in-flight", "suspects"):
        (home / folder / "0").mkdir()
        os.mkfifo(home / folder / "1")
        (home / folder / "2").symlink_to(home / "nowhere")
    (home / "suspects" / "cups@0@1").mkdir()
    await ledger.adopt()
    assert (ledger.deaths_of(CUP), ledger.deaths_of(Trigger("cups", 0, 1))) == (1, None)


@pytest.mark.parametrize(
    "line",
    [b"\xff\xfe", b"cups@0", b"cups@0@1 2 3 4", b"../cups@0@1 1", b"cups@0@1 " + b"9" * 300, b"cups@0@\xb2 1", b" "],
)
async def test_a_damaged_line_hides_none_of_its_neighbours(home: Path, ledger: LedgerFolder, line: bytes) -> None:
    slots = [b"\1" + text.ljust(511, b"\0") for text in (line, b"cups@0@2 2")]
    (home / "in-flight" / "damaged").write_bytes(b"".join(slots))
    await ledger.adopt()
    assert ledger.deaths_of(Trigger("cups", 0, 2)) == 2
    assert ledger.deaths_of(Trigger("cups", 0, 1)) in {None, 0}
    assert files(home) == {"in-flight", "suspects"}, "the living one's, and what is suspected"
    assert not (home / "in-flight" / "damaged").exists()


@pytest.mark.parametrize("content", [b"\xff", b"9" * 5000, b""])
async def test_a_suspect_whose_deaths_nobody_can_read_is_one(home: Path, ledger: LedgerFolder, content: bytes) -> None:
    (home / "suspects" / "cups@0@1").write_bytes(content)
    await ledger.adopt()
    assert ledger.deaths_of(Trigger("cups", 0, 1)) == 0


async def test_a_suspect_that_cannot_be_written_is_one_all_the_same_and_kept_for_the_next(
    home: Path, ledger: LedgerFolder
) -> None:
    await died_over(home, CUP, deaths_if_last=1)
    obstacle = home / "suspects" / f".{CUP.topic}@{CUP.partition}@{CUP.offset}"
    obstacle.mkdir()
    await ledger.adopt()
    assert ledger.deaths_of(CUP) == 1
    obstacle.rmdir()
    await ledger.adopt()
    other = LedgerFolder(home, slots=4)
    await other.adopt()
    assert (ledger.deaths_of(CUP), other.deaths_of(CUP)) == (1, 1)
    other.close()


async def test_a_ledger_that_cannot_be_locked_is_read_all_the_same(home: Path, ledger: LedgerFolder) -> None:
    await died_over(home, CUP)
    (home / "adopting.lock").mkdir()
    await ledger.adopt()
    assert ledger.deaths_of(CUP) == 0


async def test_an_odd_entry_is_told_once(home: Path, ledger: LedgerFolder, caplog: pytest.LogCaptureFixture) -> None:
    (home / "in-flight" / "odd").mkdir()
    await ledger.adopt()
    await ledger.adopt()
    assert [record.message for record in caplog.records] == ["an entry of the ledger is passed over"]
