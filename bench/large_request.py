"""A large request: its CSV, its way through the system, and what came back."""

import argparse
import asyncio
import csv
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

import asyncpg

from bench.process_cpu import ProcessCpu
from bench.process_memory import MemoryCourses
from bench.release_window import ReleaseWindow, Shape
from bench.submission import submit_pictures
from pixelmill.api_answers import Status
from pixelmill.api_client import ApiClient

LOOK_SECONDS: Final = 1.0
STANDSTILL_SECONDS: Final = 120.0
WARM_PERCENT: Final = 25.0
STATUSES: Final = "Image Statuses"
OUTPUTS: Final = "Output Image URLs"
SUCCEEDED: Final = "succeeded"


@dataclass(frozen=True)
class LargeRequest:
    """One image a row, each with a URL of its own."""

    images: int
    chunk_size: int
    window: int
    source: str

    def saved(self, file: Path, request_id: str) -> None:
        """Leave behind what it takes to go on with the request later."""
        file.write_text(json.dumps({"request_id": request_id, **asdict(self)}), "utf-8")

    @classmethod
    def of(cls, chosen: argparse.Namespace, source: str) -> Self:
        return cls(chosen.images, chosen.chunk_size, chosen.window, source)

    def shape(self, request_id: str) -> Shape:
        return Shape(request_id, self.images, self.chunk_size, self.window)

    def submit(self, api: ApiClient) -> str:
        """Write the CSV and submit it; returns the request's id."""
        accepted = submit_pictures(api, (f"{self.source}/{number}.jpg" for number in range(self.images)))
        assert accepted.images_total == self.images
        return accepted.request_id

    def missing_in_output(self, api: ApiClient, request_id: str) -> int:
        """How many images have no output URL, or no row, in the output CSV."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "output.csv"
            with path.open("wb") as file:
                api.save_csv(request_id, "output.csv", file)
            with path.open(newline="", encoding="utf-8") as text:
                there = [bool(row[STATUSES] == SUCCEEDED and row[OUTPUTS]) for row in csv.DictReader(text)]
        return self.images - sum(there)


def begun(file: Path) -> tuple[str, LargeRequest] | None:
    """The id and the request that an earlier run left unfinished, if it did."""
    if not file.is_file():
        return None
    saved = json.loads(file.read_text("utf-8"))
    return saved.pop("request_id"), LargeRequest(**saved)


@dataclass(frozen=True)
class Watch:
    """What is sampled while a request runs."""

    window: ReleaseWindow
    memory: MemoryCourses
    cpu: ProcessCpu
    database_url: str


async def follow(api: ApiClient, request_id: str, watch: Watch) -> Status | None:
    """Sample until the request has ended; None when nothing moved for two minutes."""
    connection = await asyncpg.connect(watch.database_url)
    try:
        done, moved = -1, time.monotonic()
        while time.monotonic() - moved < STANDSTILL_SECONDS:
            await watch.window.look(connection)
            status = await asyncio.to_thread(api.status, request_id)
            await asyncio.to_thread(watch.memory.look, is_warm=status.progress.percent >= WARM_PERCENT)
            await asyncio.to_thread(watch.cpu.look)
            if status.has_ended:
                return status
            if status.progress.images_done > done:
                done, moved = status.progress.images_done, time.monotonic()
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        await connection.close()
    return None
