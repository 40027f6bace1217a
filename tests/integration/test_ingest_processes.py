"""Processes of ingest under settings and in trouble of their own, on a real Kafka, Postgres and S3."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from shared.ids import RequestId
from shared.topics import IMAGES_REQUESTED_BULK, REQUESTS_ACCEPTED, REQUESTS_PROGRESS
from tests.integration.ingest_place import Place, place_on
from tests.ports import free_port
from tests.stack import StackForTests
from tests.unit.ingest.fakes import GOOD_CSV, images_of
from tests.waiting import until

pytestmark = pytest.mark.stack


@pytest.fixture
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as opened:
        yield opened


def nowhere() -> str:
    return f"127.0.0.1:{free_port()}"


async def test_postgres_away_is_503_and_nothing_is_accepted(place: Place) -> None:
    ingest = await place.start("api", ready="/healthz", DATABASE_URL=f"postgresql://pixelmill@{nowhere()}/pixelmill")
    before = await place.objects()
    answer = await ingest.post(GOOD_CSV.encode())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert await place.objects() == before
    assert await ingest.answers("/readyz") == 503


async def test_object_storage_away_is_503_and_nothing_is_accepted(place: Place) -> None:
    ingest = await place.start("api", ready="/healthz", S3_ENDPOINT=f"http://{nowhere()}")
    before = await place.value("SELECT count(*) FROM ingest.requests")
    answer = await ingest.post(GOOD_CSV.encode())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert await place.value("SELECT count(*) FROM ingest.requests") == before


async def test_kafka_away_is_202_and_it_starts_when_kafka_is_back(place: Place) -> None:
    ingest = await place.start(KAFKA_BOOTSTRAP_SERVERS=nowhere())
    answer = await ingest.post(GOOD_CSV.encode())
    assert answer.status_code == 202
    request_id = answer.json()["request_id"]
    await ingest.kill()
    ingest = await place.start()
    await place.until_events(REQUESTS_ACCEPTED, request_id, 1)
    await place.until_events(IMAGES_REQUESTED_BULK, request_id, 3)
    announced = "SELECT announced_at IS NOT NULL FROM ingest.requests WHERE request_id = $1"

    async def is_noted() -> object:
        return await place.value(announced, request_id)

    await until(is_noted, what="the announcement is noted")
    assert await ingest.stop() == 0


async def test_a_cancellation_that_kafka_did_not_take_is_said_by_the_sweeper(place: Place) -> None:
    away = await place.start("api", KAFKA_BOOTSTRAP_SERVERS=nowhere())
    request_id = RequestId((await away.post(images_of(9).encode())).json()["request_id"])
    async with away.client() as client:
        assert (await client.post(f"/v1/requests/{request_id}/cancel")).status_code == 202
    await away.kill()
    await place.start()
    await place.until_events(REQUESTS_PROGRESS, request_id, 1)
    await place.until_events(REQUESTS_ACCEPTED, request_id, 1)
    noted = "SELECT cancel_said_at IS NOT NULL FROM ingest.requests WHERE request_id = $1"

    async def is_noted() -> bool:
        return bool(await place.value(noted, request_id))

    await until(is_noted, what="the cancellation is noted")
    assert await place.events(IMAGES_REQUESTED_BULK, request_id) == []


async def test_an_upload_beyond_the_limit_reads_its_413_while_it_is_still_sending(place: Place) -> None:
    ingest = await place.start("api", MAX_UPLOAD_BYTES="100000")
    answer = await ingest.post(b"x" * 3_000_000)
    assert answer.status_code == 413


async def test_a_trickling_upload_is_cut_and_leaves_nothing(place: Place) -> None:
    ingest = await place.start("api", UPLOAD_TIMEOUT_SECONDS="0.5")
    before = await place.objects()

    async def trickle() -> AsyncIterator[bytes]:
        yield GOOD_CSV.encode()
        while True:
            await asyncio.sleep(0.05)
            yield b"\n"

    async with ingest.client() as client:
        try:
            answer = await client.post("/v1/requests", content=trickle(), headers={"Content-Type": "text/csv"})
            assert answer.status_code == 408
        except httpx2.TransportError:
            pass  # the connection is closed while the client still sends
    await until(lambda: _is_same(place, before), what="nothing is left of the upload")


async def test_rules_and_recipes_come_from_files(place: Place, tmp_path: Path) -> None:
    rules, recipes = tmp_path / "rules.json", tmp_path / "recipes.json"
    rules.write_text('{"name": {"names": ["Artikel"], "required": false}}')
    recipes.write_text('{"default": [{"name": "compressed", "quality": 33}], "small": [{"name": "compressed"}]}')
    ingest = await place.start("api", CSV_RULES_FILE=str(rules), RECIPES_FILE=str(recipes))
    answer = await ingest.post("Serial Number;Artikel;Image URLs\n1;;https://a.example/1.jpg\n".encode("utf-16"))
    assert answer.status_code == 202, answer.text
    assert answer.json()["csv"] == {"encoding": "utf-16", "delimiter": ";", "line_ending": "\n", "bom": True}
    stored = json.loads(await place.store.get("test-ingest", f"{answer.json()['request_id']}/request.json"))
    assert stored["recipe"]["renditions"][0]["quality"] == 33
    refused = await ingest.post(GOOD_CSV.encode(), params={"recipe": "with_thumbnail"})
    assert (refused.status_code, "default, small" in refused.text) == (422, True)


async def _is_same(place: Place, before: list[str]) -> bool:
    return await place.objects() == before
