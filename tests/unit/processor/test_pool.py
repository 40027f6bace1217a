"""The codec processes: each picture harms itself alone, whatever it does to its process."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from prometheus_client import REGISTRY

from services.processor.codec.compress import compress
from services.processor.codec.job import Compressed, Job, Order
from services.processor.codec.memory_file import MemoryFile, StaleFile
from services.processor.codec.pool import CodecPool, PoolLimits
from shared.errors import DependencyAway, Permanent
from tests.unit.processor.pictures import encoded, photo, slow_jpeg
from tests.waiting import until

MEBIBYTE = 1024 * 1024
LIMITS = PoolLimits(processes=1, timeout_seconds=60, memory_bytes=2048 * MEBIBYTE)


@pytest.fixture
async def pool() -> AsyncIterator[CodecPool]:
    made = CodecPool(LIMITS)
    yield made
    await made.close()


@contextmanager
def job(data: bytes) -> Iterator[Job]:
    with MemoryFile("source") as source, MemoryFile("output") as output:
        source.write(data)
        yield Job(source.shared, 60_000_000, (Order("keep", 50, output.shared),))


async def made(pool: CodecPool, data: bytes) -> Compressed:
    with job(data) as work:
        return await pool.compress(work)


def processes_lost(cause: str) -> float:
    """What the metric says."""
    return REGISTRY.get_sample_value("pixelmill_processor_codec_processes_lost_total", {"cause": cause}) or 0.0


def codec_processes(parent: int) -> list[int]:
    """The codec processes of one parent; the tracker that multiprocessing starts beside them is none."""
    children: list[int] = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        children += map(int, (task / "children").read_text().split())
    return [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def processor_seconds(process: int) -> float:
    """What a process has used of a processor since it began."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_a_picture_is_compressed_in_another_process(pool: CodecPool) -> None:
    with MemoryFile("source") as source, MemoryFile("output") as output:
        source.write(encoded(photo(), "JPEG", quality=95))
        answer = await pool.compress(Job(source.shared, 60_000_000, (Order("webp", 50, output.shared),)))
        assert answer.made[0].bytes == len(output.read()) > 0
        assert output.read()[8:12] == b"WEBP"


async def test_what_the_codec_refuses_is_permanent(pool: CodecPool) -> None:
    with pytest.raises(Permanent) as raised:
        await made(pool, b"<html>")
    assert raised.value.code == "unsupported_format"


async def test_a_picture_that_hangs_is_killed_while_its_neighbours_finish() -> None:
    pool = CodecPool(PoolLimits(processes=2, timeout_seconds=1.5, memory_bytes=LIMITS.memory_bytes))
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


async def test_a_killed_process_harms_its_picture_alone_and_is_replaced(pool: CodecPool) -> None:
    await pool.probe()
    bomb, picture = slow_jpeg(), encoded(photo(), "JPEG", quality=95)
    lost = processes_lost("died")
    hanging = asyncio.create_task(made(pool, bomb))
    waiting = asyncio.create_task(made(pool, picture))
    (victim,) = codec_processes(os.getpid())
    idle = processor_seconds(victim)
    await until(lambda: processor_seconds(victim) > idle + 0.2, what="the codec works on the picture")
    os.kill(victim, signal.SIGKILL)
    with pytest.raises(Permanent) as raised:
        await hanging
    assert raised.value.code == "codec_crash"
    assert isinstance(await waiting, Compressed)
    assert processes_lost("died") == lost + 1


async def test_a_picture_that_needs_too_much_memory_fails_alone() -> None:
    pool = CodecPool(PoolLimits(processes=1, timeout_seconds=60, memory_bytes=256 * MEBIBYTE))
    try:
        large = encoded(Image.new("RGB", (7000, 7000)), "PNG", compress_level=1)
        with pytest.raises(Permanent) as raised:
            await made(pool, large)
        assert raised.value.code == "codec_memory"
        assert await made(pool, encoded(photo(), "JPEG", quality=95))
    finally:
        await pool.close()


async def test_a_broken_pool_is_a_part_away_until_it_is_replaced(pool: CodecPool) -> None:
    await pool.probe()
    (idle,) = codec_processes(os.getpid())
    os.kill(idle, signal.SIGKILL)
    picture = encoded(photo(), "JPEG", quality=95)

    async def works() -> bool:
        try:
            await made(pool, picture)
        except DependencyAway:
            return False
        return idle not in codec_processes(os.getpid())

    await until(works, what="the pool works again")
    await pool.probe()
    await until(lambda: len(codec_processes(os.getpid())) == 1, what="the broken pool's processes are gone")


def test_a_job_that_was_given_up_writes_into_nobody_elses_file() -> None:
    with job(encoded(photo(), "JPEG")) as given_up:
        pass
    with MemoryFile("source") as source, MemoryFile("output") as output:
        source.write(b"another picture")
        assert given_up.source.path == source.shared.path
        with pytest.raises(StaleFile):
            compress(given_up)
        assert output.read() == b""


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
        assert len(children) == 2
    finally:
        parent.kill()
        await parent.communicate()
    await until(lambda: not any(is_running(child) for child in children), what="the codec processes are gone")


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}


_PARENT = """
import asyncio
from services.processor.codec.pool import CodecPool, PoolLimits

async def main():
    pool = CodecPool(PoolLimits(processes=2, timeout_seconds=9, memory_bytes=2**31))
    await pool.probe()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
