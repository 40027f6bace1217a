"""Three processors and two aggregators share the work of one request."""

import re

import pytest

from tests.e2e.local_servers import PictureSource, catalogue
from tests.e2e.system import System
from tests.waiting import until

pytestmark = pytest.mark.stack

IMAGES = 240


def counted(system: System, process: str, metric: str) -> int:
    port = system.processes()[process].port
    text = system.http.get(f"http://127.0.0.1:{port}/metrics").text
    return int(sum(float(value) for value in re.findall(rf"^{metric}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)))


async def test_every_processor_and_every_aggregator_does_a_part_of_one_request(
    system: System, source: PictureSource
) -> None:
    processors = {f"processor-{number}": "pixelmill_processor_images_total" for number in (1, 2, 3)}
    aggregators = {f"aggregator-{number}": "pixelmill_results_recorded_total" for number in (1, 2)}
    members = processors | aggregators
    before = {name: counted(system, name, metric) for name, metric in members.items()}
    request_id = system.submit(catalogue(source.url, IMAGES))
    await until(lambda: system.has_ended(request_id), seconds=90)
    done = {name: counted(system, name, metric) - before[name] for name, metric in members.items()}
    assert sum(done[name] for name in processors) == IMAGES
    assert sum(done[name] for name in aggregators) == IMAGES
    assert min(done.values()) > 0, done
