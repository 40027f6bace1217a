"""The codec processes: each picture harms itself alone, whatever it does to its process."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest
from PIL import Image
from prometheus_client import REGISTRY

from services.processor.codec.job import Compressed, Descriptor, Job, Order
from services.processor.codec.memory_file import MemoryFile
from services.processor.codec.pool import CodecPool, PoolLimits
from services.processor.codec.process import CodecProcess
from shared.errors import DependencyAway, Permanent
from tests.unit.processor.codec_children import codec_processes, is_gone, is_running, killed_at_work, process_at_work
from tests.unit.processor.hostile_pictures import coefficients_out_of_range
from tests.unit.processor.pictures import encoded, photo, slow_jpeg
from tests.waiting import until

MEBIBYTE = 1024 * 1024
SOME_SCANS = 300
"""Some seconds of decoding."""
LIMITS = PoolLimits(processes=1, cpu_seconds=60, memory_bytes=2048 * MEBIBYTE)


@pytest.fixture
async def pool() -> AsyncIterator[CodecPool]:
    made = CodecPool(LIMITS)
    yield made
    await made.close()


@contextmanager
def job(data: bytes, quality: int) -> Iterator[Job]:
    with MemoryFile("source") as source, MemoryFile("output") as output:
        source.write(data)
        yield Job(source.descriptor, 60_000_000, (Order("keep", quality, output.descriptor),))


@pytest.fixture
async def stopped_soon() -> AsyncIterator[CodecPool]:
    """A pool that gives a process up after some seconds of silence."""
    made = CodecPool(replace(LIMITS, silent_factor=0.07))
    yield made
    await made.close()


async def made(pool: CodecPool, data: bytes, *, quality: int = 50) -> Compressed:
    with job(data, quality) as work:
        return await pool.compress(work)


def processes_lost(cause: str) -> float:
    """What the metric says."""
    return REGISTRY.get_sample_value("pixelmill_processor_codec_processes_lost_total", {"cause": cause}) or 0.0


async def test_a_picture_is_compressed_in_another_process(pool: CodecPool) -> None:
    with MemoryFile("source") as source, MemoryFile("output") as output:
        source.write(encoded(photo(), "JPEG", quality=95))
        answer = await pool.compress(Job(source.descriptor, 60_000_000, (Order("webp", 50, output.descriptor),)))
        assert answer.made[0].bytes == len(output.read()) > 0
        assert output.read()[8:12] == b"WEBP"


async def test_what_the_codec_refuses_is_permanent(pool: CodecPool) -> None:
    with pytest.raises(Permanent) as raised:
        await made(pool, b"<html>")
    assert raised.value.code == "unsupported_format"


@pytest.mark.checklist("P13")
async def test_a_picture_that_hangs_is_killed_while_its_neighbours_finish() -> None:
    pool = CodecPool(replace(LIMITS, processes=2, cpu_seconds=1.0, silent_factor=60))
    bomb, picture = slow_jpeg(), encoded(photo(), "JPEG", quality=95)
    lost = processes_lost("late")
    try:
        await pool.probe()
        results = await asyncio.gather(
            made(pool, bomb), *(made(pool, picture) for _ in range(6)), return_exceptions=True
        )
        assert isinstance(results[0], Permanent)
        assert results[0].code == "codec_timeout"
        assert all(isinstance(result, Compressed) for result in results[1:]), results
        assert await made(pool, picture)
        assert processes_lost("late") == lost + 1
    finally:
        await pool.close()


async def test_a_picture_whose_process_was_killed_is_made_all_the_same(pool: CodecPool) -> None:
    await pool.probe()
    lost = processes_lost("died")
    working = asyncio.create_task(made(pool, slow_jpeg(scans=SOME_SCANS)))
    waiting = asyncio.create_task(made(pool, encoded(photo(), "JPEG", quality=95)))
    await killed_at_work()
    assert isinstance(await working, Compressed)
    assert isinstance(await waiting, Compressed)
    assert processes_lost("died") == lost + 1


@pytest.mark.checklist("P14")
async def test_a_picture_whose_process_always_dies_fails_and_runs_alone_from_the_second_time_on() -> None:
    pool = CodecPool(replace(LIMITS, processes=2))
    try:
        await pool.probe()
        crashing = asyncio.create_task(made(pool, slow_jpeg()))
        await killed_at_work(by=signal.SIGSEGV)
        waiting = asyncio.create_task(made(pool, encoded(photo(), "JPEG", quality=95)))
        await killed_at_work()
        await killed_at_work(by=signal.SIGSEGV)
        with pytest.raises(Permanent) as raised:
            await crashing
        assert raised.value.code == "codec_crash"
        assert isinstance(await waiting, Compressed)
    finally:
        await pool.close()


async def test_a_stopped_process_is_replaced_and_its_picture_made(stopped_soon: CodecPool) -> None:
    pool, lost = stopped_soon, processes_lost("silent")
    await pool.probe()
    (process,) = codec_processes(os.getpid())
    os.kill(process, signal.SIGSTOP)
    assert isinstance(await made(pool, encoded(photo(), "JPEG", quality=95)), Compressed)
    assert processes_lost("silent") == lost + 1
    await until(lambda: process not in codec_processes(os.getpid()), what="the stopped process is gone")


async def test_a_picture_is_not_blamed_when_all_idle_processes_are_stopped() -> None:
    pool, picture = CodecPool(replace(LIMITS, processes=2, silent_factor=0.07)), encoded(photo(), "JPEG", quality=95)
    lost = processes_lost("silent")
    try:
        await asyncio.gather(made(pool, picture), made(pool, picture))
        stopped = codec_processes(os.getpid())
        assert len(stopped) == 2
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        assert isinstance(await made(pool, picture), Compressed)
        assert processes_lost("silent") == lost + 1
        await until(lambda: not set(stopped) & set(codec_processes(os.getpid())), what="the stopped ones are gone")
    finally:
        await pool.close()


async def test_a_process_that_was_stopped_for_less_than_that_goes_on() -> None:
    pool = CodecPool(replace(LIMITS, cpu_seconds=1.0, silent_factor=60))
    try:
        await pool.probe()
        (process,) = codec_processes(os.getpid())
        os.kill(process, signal.SIGSTOP)
        working = asyncio.create_task(made(pool, encoded(photo(), "JPEG", quality=95)))
        began = time.monotonic()
        await until(lambda: time.monotonic() > began + 1.2, what="more time has passed than a picture may take")
        os.kill(process, signal.SIGCONT)
        assert isinstance(await working, Compressed)
        assert process in codec_processes(os.getpid())
    finally:
        await pool.close()


async def test_a_picture_to_which_two_processes_have_no_answer_takes_too_long() -> None:
    pool, lost = CodecPool(replace(LIMITS, silent_factor=0.01)), processes_lost("silent")
    try:
        with pytest.raises(Permanent) as raised:
            await made(pool, slow_jpeg())
        assert raised.value.code == "codec_timeout"
        assert processes_lost("silent") == lost + 2
    finally:
        await pool.close()


@pytest.mark.checklist("P14")
async def test_a_picture_that_needs_too_much_memory_fails_alone() -> None:
    pool = CodecPool(PoolLimits(processes=1, cpu_seconds=60, memory_bytes=256 * MEBIBYTE))
    try:
        large = encoded(Image.new("RGB", (8000, 7400)), "PNG", compress_level=1)
        with pytest.raises(Permanent) as raised:
            await made(pool, large)
        assert raised.value.code == "codec_memory"
        assert await made(pool, encoded(photo(), "JPEG", quality=95))
    finally:
        await pool.close()


@pytest.mark.checklist("P14")
async def test_a_picture_at_which_a_library_ends_its_process_is_encoded_all_the_same(pool: CodecPool) -> None:
    lost = processes_lost("died")
    answer = await made(pool, coefficients_out_of_range(), quality=95)
    assert answer.note == "not_smaller"
    assert processes_lost("died") == lost + 1


@pytest.mark.checklist("P14")
async def test_a_process_that_died_idle_is_replaced_unnoticed(pool: CodecPool) -> None:
    await pool.probe()
    (idle,) = codec_processes(os.getpid())
    os.kill(idle, signal.SIGKILL)
    assert isinstance(await made(pool, encoded(photo(), "JPEG", quality=95)), Compressed)
    await pool.probe()
    assert idle not in codec_processes(os.getpid())


async def test_a_process_that_never_gets_ready_is_a_part_away() -> None:
    pool = CodecPool(replace(LIMITS, ready_seconds=0.0))
    try:
        with pytest.raises(DependencyAway):
            await made(pool, encoded(photo(), "JPEG", quality=95))
        with pytest.raises(DependencyAway):
            await pool.probe()
    finally:
        await pool.close()


def unboxed(memory_bytes: int) -> CodecProcess:
    """A process without a box, which answers ahead and takes no task."""
    say = "channel.send(b'ready 0')\nwhile True: channel.send(b'{}')"
    opened = "import socket, sys; channel = socket.socket(fileno=int(sys.argv[2]))\n"
    return CodecProcess(memory_bytes, program=("-c", opened + say))


async def test_a_box_that_is_open_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    pool = CodecPool(LIMITS, start=unboxed)
    try:
        await pool.probe()
        await pool.probe()
        assert ["Landlock" in record.message for record in caplog.records] == [True]
    finally:
        await pool.close()


@pytest.mark.checklist("P14")
async def test_a_process_that_answers_ahead_is_replaced_before_a_picture_is_handed_over() -> None:
    lost, started = processes_lost("died"), list[CodecProcess]()

    def start(memory_bytes: int) -> CodecProcess:
        started.append(CodecProcess(memory_bytes) if started else unboxed(memory_bytes))
        return started[-1]

    pool = CodecPool(LIMITS, start=start)
    try:
        await pool.probe()
        assert isinstance(await made(pool, encoded(photo(), "JPEG", quality=95)), Compressed)
        assert (len(started), processes_lost("died")) == (2, lost + 1)
    finally:
        await pool.close()


async def test_a_picture_that_cannot_be_handed_over_is_not_blamed() -> None:
    pool = CodecPool(LIMITS)
    never_open = Descriptor(2**30)
    try:
        with pytest.raises(DependencyAway, match="handed over"):
            await pool.compress(Job(never_open, 100, ()))
    finally:
        await pool.close()


async def test_why_no_process_gets_ready_is_told() -> None:
    pool = CodecPool(LIMITS, start=partial(CodecProcess, program=("-c", "raise RuntimeError('no room')")))
    try:
        with pytest.raises(DependencyAway, match="RuntimeError: no room"):
            await pool.probe()
    finally:
        await pool.close()


async def test_a_process_that_is_not_ready_in_time_for_one_is_kept_for_the_next(pool: CodecPool) -> None:
    impatient = asyncio.create_task(pool.probe())
    await until(lambda: codec_processes(os.getpid()), what="a process is started")
    started = codec_processes(os.getpid())
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    await pool.probe()
    assert codec_processes(os.getpid()) == started


async def test_a_picture_that_is_dropped_takes_its_process_along(pool: CodecPool) -> None:
    await pool.probe()
    dropped = asyncio.create_task(made(pool, slow_jpeg()))
    at_work = await process_at_work()
    dropped.cancel()
    await until(partial(is_gone, at_work), what="nobody works on it any more")
    assert isinstance(await made(pool, encoded(photo(), "JPEG", quality=95)), Compressed)


async def test_a_process_is_replaced_after_its_share_of_pictures() -> None:
    pool = CodecPool(replace(LIMITS, tasks_per_process=2))
    try:
        used = set()
        for _ in range(4):
            await made(pool, encoded(photo(), "JPEG", quality=95))
            used |= set(codec_processes(os.getpid()))
        assert len(used) == 2
    finally:
        await pool.close()


async def test_closing_leaves_no_process(pool: CodecPool) -> None:
    await pool.probe()
    assert codec_processes(os.getpid())
    await pool.close()
    assert not codec_processes(os.getpid())


async def test_no_codec_process_outlives_a_killed_parent() -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", _PARENT, stdout=asyncio.subprocess.PIPE)
    try:
        assert parent.stdout is not None
        await parent.stdout.readline()
        children = codec_processes(parent.pid)
        assert children
    finally:
        parent.kill()
        await parent.communicate()
    await until(lambda: not any(is_running(child) for child in children), what="the codec processes are gone")


_PARENT = """
import asyncio
from services.processor.codec.pool import CodecPool, PoolLimits

async def main():
    pool = CodecPool(PoolLimits(processes=2, cpu_seconds=9, memory_bytes=2**31))
    await pool.probe()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
