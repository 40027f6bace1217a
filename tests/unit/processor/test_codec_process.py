"""A codec process that a picture has taken over, as the processor deals with it: here it is a program that says so."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from services.processor.codec.job import Job, Order, Task
from services.processor.codec.memory_file import MemoryFile
from services.processor.codec.process import CodecProcess, Died
from tests.unit.processor.codec_children import is_running
from tests.waiting import until

PRELUDE = """
import os, signal, socket, sys, time
channel = socket.socket(fileno=int(sys.argv[2]))
channel.send(b"ready 0")
"""


@asynccontextmanager
async def program(text: str) -> AsyncIterator[CodecProcess]:
    process = CodecProcess(2**31, program=("-c", PRELUDE + text))
    try:
        yield process
    finally:
        await process.kill()


@contextmanager
def task() -> Iterator[Task]:
    with MemoryFile("source") as source, MemoryFile("output") as output:
        source.write(b"123456789")
        yield Task(Job(source.descriptor, 100, (Order("keep", 50, output.descriptor),)), 9.0)


async def many_tasks(process: CodecProcess) -> None:
    with task() as work:
        while process.tasks < 100_000:
            await process.do(work, seconds=20)


@pytest.mark.checklist("P14")
async def test_a_process_that_answers_ahead_and_never_reads_does_not_hold_up_the_loop() -> None:
    async with program("""while True: channel.send(b'{"error": "x"}')""") as process:
        await process.be_ready(seconds=20)
        with pytest.raises(BlockingIOError):
            await many_tasks(process)


@pytest.mark.checklist("P14")
async def test_a_process_that_answers_before_it_is_asked_is_not_fit_for_a_task() -> None:
    async with program("channel.recv(1); channel.send(b'{}'); time.sleep(60)") as process:
        await process.be_ready(seconds=20)
        assert process.is_fit()
        process._channel.send(b"!")
        await until(lambda: not process.is_fit(), what="it has answered")


@pytest.mark.checklist("P14")
async def test_a_process_that_says_nonsense_is_killed() -> None:
    async with program("channel.recv(1); channel.send(b'{}'); time.sleep(60)") as process:
        await process.be_ready(seconds=20)
        with task() as work, pytest.raises(Died):
            await process.do(work, seconds=20)
        assert not process.is_fit()


async def test_a_process_that_is_something_else_is_never_ready() -> None:
    process = CodecProcess(2**31, program=("-c", PRELUDE.replace("ready 0", "here I am")))
    try:
        with pytest.raises(Died):
            await process.be_ready(seconds=20)
    finally:
        await process.kill()


async def test_a_process_that_cannot_start_says_why_in_one_line() -> None:
    process = CodecProcess(2**31, program=("-c", "print('{}'); raise RuntimeError('no room' + '!' * 1000)"))
    try:
        with pytest.raises(Died, match=r"ended with 1: RuntimeError: no room!{200,300}$"):
            await process.be_ready(seconds=20)
    finally:
        await process.kill()


@pytest.mark.checklist("P14")
async def test_what_a_process_prints_forges_no_line_of_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    forged = "print('forged'); os.write(2, b'a line\\n\\x1b[2Jforged\\xe2\\x80\\xae\\n'); os._exit(3)"
    async with program(f"channel.recv(1); {forged}") as process:
        await process.be_ready(seconds=20)
        with task() as work, pytest.raises(Died) as raised:
            await process.do(work, seconds=20)
    assert raised.value.last_words == "[2Jforged\\xe2\\x80\\xae"
    assert capfd.readouterr() == ("", "")


async def test_a_process_that_prints_without_end_works_on() -> None:
    flood = """
for _ in range(300):
    try: os.write(2, b"warning" * 100)
    except BlockingIOError: break
else: sys.exit(1)
channel.recv(1)
channel.send(b'{"error": "x"}')
"""
    async with program(flood) as process:
        await process.be_ready(seconds=20)
        with task() as work:
            assert await process.do(work, seconds=20)


@pytest.mark.checklist("P14")
async def test_what_a_process_started_ends_with_it(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    fork = f"""
if not os.fork():
    open({str(noted)!r}, "w").write(str(os.getpid()) + ".")
time.sleep(60)
"""
    async with program(fork) as process:
        await process.be_ready(seconds=20)
        await until(lambda: noted.exists() and noted.read_text().endswith("."), what="there is another process")
        started = int(noted.read_text().strip("."))
        assert is_running(started)
    await until(lambda: not is_running(started), what="it is gone")


async def test_a_process_learns_where_libraries_and_compiled_files_lie_and_nothing_else() -> None:
    names = "channel.recv(1); sys.exit(' '.join(sorted(os.environ)))"
    process = CodecProcess(2**31, library_path="/opt/libraries", program=("-c", PRELUDE + names))
    try:
        await process.be_ready(seconds=20)
        with task() as work, pytest.raises(Died) as raised:
            await process.do(work, seconds=20)
    finally:
        await process.kill()
    told = set(raised.value.last_words.split()) - {"LC_CTYPE"}
    assert {"LD_LIBRARY_PATH", "PYTHONPATH"} <= told
    assert told <= {"LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"}
