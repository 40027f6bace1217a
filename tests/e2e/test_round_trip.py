"""`failures.csv`, posted back as it is after the source was mended: what failed succeeds, the rest is not fetched."""

import csv
import io

import pytest

from tests.e2e.local_servers import PictureSource
from tests.e2e.system import System
from tests.waiting import until

pytestmark = pytest.mark.stack

ROWS = 30
BROKEN = {"/shop/4.jpg", "/shop/20.jpg", "/shop/21.jpg", "/shop/58.jpg"}
"""One slot of three rows, and both slots of one of them."""


def slots(text: str, column: str) -> list[str]:
    return [slot for row in csv.DictReader(io.StringIO(text)) for slot in row[column].split(",")]


async def test_posting_the_failures_back_fetches_only_what_had_failed(system: System, source: PictureSource) -> None:
    source.broken = set(BROKEN)
    rows = [
        f'{row + 1},Product {row},"{source.url}/shop/{2 * row}.jpg,{source.url}/shop/{2 * row + 1}.jpg"'
        for row in range(ROWS)
    ]
    first = system.submit("\n".join(["Serial Number,Product Name,Image URLs", *rows]) + "\n")
    await until(lambda: system.has_ended(first), seconds=60)
    assert system.status(first)["failures"]["by_code"] == {"http_404": len(BROKEN)}
    failures = system.output(first, "failures.csv")
    assert [row["Serial Number"] for row in csv.DictReader(io.StringIO(failures))] == ["3", "11", "30"]

    source.broken.clear()
    source.asked.clear()
    second = system.submit(failures)
    await until(lambda: system.has_ended(second), seconds=60)
    progress = system.status(second)["progress"]
    assert (progress["images_total"], progress["succeeded"], progress["failed"]) == (6, 6, 0)
    assert set(source.asked) == BROKEN

    output = system.output(second)
    assert slots(output, "Image Statuses") == ["succeeded"] * 6
    carried = {image["source_url"].removeprefix(source.url): image["note"] for image in system.images(second)}
    assert {path for path, note in carried.items() if note == "carried_over"} == carried.keys() - BROKEN
    for url in slots(output, "Output Image URLs"):
        assert system.http.get(url, follow_redirects=True).status_code == 200
