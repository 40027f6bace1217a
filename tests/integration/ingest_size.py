"""Measures how fast a large CSV is accepted, and what memory ingest needs for it."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2

from tests.integration.ingest_place import Ingest, Place
from tests.unit.ingest.fakes import HEADER

ROWS_A_PIECE = 10_000
KIB_A_MB = 1_000_000 / 1024


class Acceptance(NamedTuple):
    """One accepted CSV. Memory is the largest resident size of the process, above what it was before the upload."""

    rows: int
    seconds: float
    rows_per_second: int
    memory_above_idle_mb: float


def csv_pieces(rows: int) -> Iterator[bytes]:
    """A CSV with one URL a row, about 85 bytes each."""
    yield HEADER.encode()
    for start in range(1, rows + 1, ROWS_A_PIECE):
        numbers = range(start, min(start + ROWS_A_PIECE, rows + 1))
        yield "".join(
            f"{number},Product number {number},https://images.shop.example/catalogue/{number:07d}/front.jpg\n"
            for number in numbers
        ).encode()


async def measured(place: Place, rows: int) -> Acceptance:
    """Start ingest with its usual chunks, and submit a CSV of so many rows."""
    ingest = await place.start(CHUNK_SIZE="250", WINDOW_CHUNKS="16")
    pieces = list(csv_pieces(rows))
    idle = _memory_kib(ingest, "VmRSS")
    began = time.perf_counter()
    answer = await _submit(ingest, pieces)
    seconds = time.perf_counter() - began
    assert answer.status_code == 202, answer.text
    assert answer.json()["images_total"] == rows
    peak = _memory_kib(ingest, "VmHWM")
    return Acceptance(rows, round(seconds, 2), int(rows / seconds), round((peak - idle) / KIB_A_MB, 1))


async def _submit(ingest: Ingest, pieces: list[bytes]) -> httpx2.Response:
    async def sent() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async with ingest.client() as client:
        client.timeout = httpx2.Timeout(600)
        return await client.post("/v1/requests", content=sent(), headers={"Content-Type": "text/csv"})


def _memory_kib(ingest: Ingest, name: str) -> int:
    status = Path(f"/proc/{ingest.process.pid}/status").read_text("ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:"))
