"""Cancelled within seconds with what was done, then retried: what had succeeded is not fetched again."""

import csv
import io
import json
import time
from collections.abc import Iterator

import httpx2
import pytest

from tests.e2e.completions import completions
from tests.e2e.local_servers import PictureSource, catalogue
from tests.e2e.system import System
from tests.waiting import until

pytestmark = pytest.mark.stack

IMAGES = 200
DONE = 20
"""Images that are there at once: one chunk. All others wait until the gate is open."""
END_SECONDS = 15


@pytest.fixture
def gated(source: PictureSource) -> Iterator[PictureSource]:
    """The source with its gate closed and its log empty."""
    source.gate.clear()
    source.asked.clear()
    yield source
    source.gate.set()


def steer(system: System, request_id: str, what: str) -> httpx2.Response:
    return system.http.post(f"{system.addresses['INGEST_PUBLIC_URL']}/v1/requests/{request_id}/{what}")


def rows_of(system: System, request_id: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(system.output(request_id))))


async def test_a_cancelled_request_ends_within_seconds_and_its_retry_completes_it(
    system: System, gated: PictureSource
) -> None:
    first = system.submit(catalogue(gated.url, IMAGES, held_from=DONE), metadata='{"order": 7}')
    await until(lambda: system.status(first)["progress"]["succeeded"] >= DONE, seconds=60)
    assert steer(system, first, "retry").status_code == 409

    since = time.monotonic()
    answer = steer(system, first, "cancel")
    assert (answer.status_code, steer(system, first, "cancel").status_code) == (202, 202)
    await until(lambda: system.has_ended(first), seconds=60)
    assert time.monotonic() - since < END_SECONDS

    status = system.status(first)
    assert (status["state"], status["links"]["cancel"]) == ("cancelled", None)
    progress = status["progress"]
    assert (progress["succeeded"], progress["failed"], progress["not_attempted"]) == (DONE, 0, IMAGES - DONE)
    statuses = [row["Image Statuses"] for row in rows_of(system, first)]
    assert statuses == ["succeeded"] * DONE + ["cancelled"] * (IMAGES - DONE)

    asked_before = len(gated.asked)
    gated.gate.set()
    answer = httpx2.post(status["links"]["retry"], trust_env=False, timeout=30)
    assert (answer.status_code, answer.json()["carried_over"]) == (202, DONE)
    second = answer.json()["request_id"]
    await until(lambda: system.has_ended(second), seconds=120)
    status = system.status(second)
    assert (status["state"], status["retry_of"], status["metadata"]) == ("completed", first, {"order": 7})
    assert (status["progress"]["succeeded"], status["links"]["retry"]) == (IMAGES, None)
    fetched = [path for path in gated.asked[asked_before:] if path.startswith("/picture/")]
    assert fetched == []
    notes = [image["note"] for image in system.images(second)]
    assert notes.count("carried_over") == DONE

    refused = steer(system, second, "retry")
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "nothing-to-retry")
    # Ingest hears of the end a moment after it is shown.
    await until(lambda: steer(system, second, "cancel").status_code == 409)

    ends = completions(system.addresses["KAFKA_BOOTSTRAP_SERVERS"])
    said = {event["request_id"]: (event["state"], event["retry_of"]) for event in ends}
    assert (said[first], said[second]) == (("cancelled", None), ("completed", first))
    assert sum(event["request_id"] in {first, second} for event in ends) == 2


async def test_what_failed_is_tried_again_and_what_was_copied_outlives_the_original(
    system: System, source: PictureSource
) -> None:
    source.broken = {"/mended/1.jpg"}
    text = "Serial Number,Product Name,Image URLs\n" + "".join(
        f'{row},Product {row},"{source.url}/mended/{2 * (row // 2)}.jpg,{source.url}/mended/1.jpg"\n'
        for row in range(6)
    )
    first = system.submit(text)
    await until(lambda: system.has_ended(first), seconds=60)
    assert system.status(first)["progress"]["failed"] == 6

    again = json.loads(system.run("retry", first, "--watch", "--json").stdout)
    assert (again["state"], again["progress"]["succeeded"], again["progress"]["failed"]) == ("completed", 6, 6)
    source.broken.clear()
    source.asked.clear()
    ended = system.run("retry", again["request_id"], "--watch", "--json")
    assert ended.returncode == 0, ended.stderr
    last = json.loads(ended.stdout)
    assert (last["retry_of"], last["progress"]["succeeded"]) == (again["request_id"], 12)
    assert set(source.asked) == {"/mended/1.jpg"}

    assert system.run("delete", first).returncode == 0
    assert system.run("delete", again["request_id"]).returncode == 0
    urls = [url for row in rows_of(system, last["request_id"]) for url in row["Output Image URLs"].split(",")]
    assert {system.http.get(url, follow_redirects=True).status_code for url in set(urls)} == {200}
    await until(lambda: system.run("cancel", last["request_id"]).returncode == 1)
