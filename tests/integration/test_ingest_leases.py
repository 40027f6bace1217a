"""An upload that dies or stands still, on a real Kafka, Postgres and S3: its key is free again, its commit is not."""

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest

from services.ingest.upload_lease import LEASE
from tests.integration.ingest_place import Ingest, Place, place_on
from tests.ports import free_port
from tests.stack import StackForTests
from tests.unit.ingest.fakes import GOOD_CSV
from tests.waiting import until

pytestmark = pytest.mark.stack

_REST = """SELECT expires_at - now() FROM ingest.uploads WHERE idempotency_key = $1"""
_LATER = """UPDATE ingest.uploads SET expires_at = expires_at - interval '35 seconds'
WHERE idempotency_key = $1 RETURNING request_id"""
_ACCEPTED = "SELECT count(*) FROM ingest.idempotency_keys WHERE idempotency_key = $1"


@pytest.fixture
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as opened:
        yield opened


class SlowUpload:
    """An upload that ends when it is told to."""

    def __init__(self, place: Place, ingest: Ingest) -> None:
        self.key = str(free_port())
        self.headers = {"Idempotency-Key": self.key, "Content-Type": "text/csv"}
        self.go_on = asyncio.Event()
        self._place = place
        self._answering = asyncio.create_task(self._post(ingest))

    async def began(self) -> None:
        async def is_reserved() -> bool:
            rest = await self._place.value(_REST, self.key)
            return rest is not None and timedelta() < rest <= LEASE

        await until(is_reserved, seconds=30, what="the upload has its lease")

    async def answer(self) -> httpx2.Response | BaseException:
        self.go_on.set()
        (outcome,) = await asyncio.gather(self._answering, return_exceptions=True)
        return outcome

    async def _post(self, ingest: Ingest) -> httpx2.Response:
        async with ingest.client() as client:
            return await client.post("/v1/requests", content=self._pieces(), headers=self.headers)

    async def _pieces(self) -> AsyncIterator[bytes]:
        first, second = GOOD_CSV[:60], GOOD_CSV[60:]
        yield first.encode()
        await self.go_on.wait()
        yield second.encode()


async def test_the_key_of_an_upload_whose_process_was_killed_is_free_when_its_lease_has_ended(place: Place) -> None:
    ingest = await place.start("api")
    upload = SlowUpload(place, ingest)
    await upload.began()
    await ingest.kill()
    assert isinstance(await upload.answer(), httpx2.TransportError)
    other = await place.start("api")
    assert (await other.post(GOOD_CSV.encode(), headers={"Idempotency-Key": upload.key})).status_code == 409
    dead = await place.value(_LATER, upload.key)
    answer = await other.post(GOOD_CSV.encode(), headers={"Idempotency-Key": upload.key})
    assert answer.status_code == 202, answer.text

    async def is_swept() -> bool:
        return await place.objects(f"{dead}/") == []

    await until(is_swept, seconds=30, what="what the dead one stored is removed")


async def test_a_process_that_stood_still_while_another_took_its_key_accepts_nothing(place: Place) -> None:
    stopped, other = await place.start("api"), await place.start("api")
    upload = SlowUpload(place, stopped)
    await upload.began()
    stopped.process.send_signal(signal.SIGSTOP)
    try:
        late = await place.value(_LATER, upload.key)
        answer = await other.post(GOOD_CSV.encode(), headers={"Idempotency-Key": upload.key})
        assert answer.status_code == 202, answer.text
    finally:
        stopped.process.send_signal(signal.SIGCONT)
    refused = await upload.answer()
    assert isinstance(refused, httpx2.Response)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (503, "upload-lost")
    assert int(refused.headers["retry-after"]) > 0
    assert await place.value(_ACCEPTED, upload.key) == 1
    assert len(await place.objects(f"{answer.json()['request_id']}/")) == 4

    async def is_swept() -> bool:
        left = "SELECT count(*) FROM ingest.uploads WHERE request_id = $1"
        return await place.objects(f"{late}/") == [] and await place.value(left, late) == 0

    await until(is_swept, seconds=30, what="what the late one stored is removed")
