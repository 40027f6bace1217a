"""`kill -9` of each process in turn, while a request is under way: it completes, once, with every slot."""

import csv
import io

import pytest

from tests.e2e.completions import completions
from tests.e2e.local_servers import PictureSource, catalogue
from tests.e2e.system import System
from tests.waiting import until

pytestmark = pytest.mark.stack

IMAGES = 200
PROCESSES = (
    "kafka", "postgres", "s3", "ingest", "processor-1", "aggregator-1", "aggregator-2", "aggregator", "notifier",
)  # fmt: skip


@pytest.mark.parametrize("name", PROCESSES)
async def test_a_request_survives_the_death_of(name: str, system: System, source: PictureSource) -> None:
    source.gate.clear()
    request_id = system.submit(catalogue(source.url, IMAGES, missing=(3, 150), held_from=IMAGES // 4))
    await until(lambda: system.status(request_id)["progress"]["images_done"] >= IMAGES // 8, seconds=60)
    killed = system.kill(name)
    source.gate.set()

    await until(lambda: system.has_ended(request_id), seconds=120, what=f"{name} was killed")
    progress = system.status(request_id)["progress"]
    assert (progress["succeeded"], progress["failed"], progress["not_attempted"]) == (IMAGES - 2, 2, 0)
    rows = list(csv.DictReader(io.StringIO(system.output(request_id))))
    assert [row["Image Statuses"] for row in rows].count("http_404") == 2
    assert all(row["Output Image URLs"] for row in rows)
    assert len(rows) == IMAGES

    await until(lambda: _is_back(system, name, killed), seconds=60, what=f"{name} runs again")
    await until(lambda: _completions_of(system, request_id) >= 1, seconds=30)
    assert _completions_of(system, request_id) == 1


def _is_back(system: System, name: str, killed: int) -> bool:
    process = system.processes()[name]
    return process.condition == "ready" and process.identity is not None and process.identity.pid != killed


def _completions_of(system: System, request_id: str) -> int:
    events = completions(system.addresses["KAFKA_BOOTSTRAP_SERVERS"])
    return [event["request_id"] for event in events].count(request_id)
