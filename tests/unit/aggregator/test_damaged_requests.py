"""What lies in storage for one request cannot be read: that is told, and concerns no other request."""

import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import pytest

from services.aggregator.adapters.s3_outputs import S3Outputs
from services.aggregator.adapters.s3_requests import SAID_AGAIN_AFTER, S3Requests
from services.aggregator.domain.merged_rows import ImageOutcome
from services.aggregator.known_requests import RequestDamaged, RequestGone
from shared import object_keys
from shared.ids import RequestId
from shared.object_memory import MemoryObjects
from tests.unit.aggregator.fakes import NOON, REQUEST, manifest_of, request_file

BUCKET = "requests"
FILE = request_file(images=4, chunk_size=4)
REQUEST_JSON = (BUCKET, object_keys.request_object(REQUEST))
MANIFEST = (BUCKET, object_keys.manifest_chunk(REQUEST, 0))
INPUT = (BUCKET, object_keys.input_csv(REQUEST))
OUTPUT = (BUCKET, object_keys.output_csv(REQUEST))


class Stage:
    def __init__(self) -> None:
        self.now: datetime = NOON
        self.store = MemoryObjects()
        lines = [image.model_dump_json().encode() for image in manifest_of(FILE, 0)]
        self.store.objects[REQUEST_JSON] = FILE.model_dump_json().encode()
        self.store.objects[MANIFEST] = b"\n".join(lines)
        rows = [b"7,Cup,http://shop.example/%d" % index for index in range(4)]
        self.store.objects[INPUT] = b"\n".join([b"Serial Number,Product Name,Image URLs", *rows])
        self.requests = S3Requests(self.store, BUCKET, now=lambda: self.now)

    async def write(self) -> None:
        outputs = S3Outputs(self.store, BUCKET, Outcomes(), picture_url=str)
        await outputs.write(FILE, with_failures=False)


class Outcomes:
    """Each image succeeded."""

    async def after(self, _request_id: RequestId, index: int, *, limit: int) -> Sequence[ImageOutcome]:
        return [ImageOutcome(each, "succeeded", None, {}) for each in range(index + 1, min(index + 1 + limit, 4))]


async def drained(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


DAMAGES = [b"", b"{", b"\xff\xfe", b"[]", b'{"request_id": 7}']


@pytest.mark.parametrize("data", DAMAGES)
async def test_a_request_json_that_cannot_be_read_is_damage(data: bytes) -> None:
    stage = Stage()
    stage.store.objects[REQUEST_JSON] = data
    with pytest.raises(RequestDamaged):
        await stage.requests.read(REQUEST)


@pytest.mark.parametrize("data", DAMAGES[1:])
async def test_a_manifest_line_that_cannot_be_read_is_damage(data: bytes) -> None:
    stage = Stage()
    stage.store.objects[MANIFEST] += b"\n" + data
    with pytest.raises(RequestDamaged):
        await stage.requests.manifest(REQUEST, 0)


@pytest.mark.parametrize("lost", [MANIFEST, INPUT])
async def test_what_is_missing_is_damage_as_long_as_the_request_is_there(lost: tuple[str, str]) -> None:
    stage = Stage()
    del stage.store.objects[lost]
    with pytest.raises(RequestDamaged):
        await (drained(stage.requests.input(REQUEST)) if lost == INPUT else stage.requests.manifest(REQUEST, 0))
    del stage.store.objects[REQUEST_JSON]
    with pytest.raises(RequestGone) as raised:
        await (drained(stage.requests.input(REQUEST)) if lost == INPUT else stage.requests.manifest(REQUEST, 0))
    assert not isinstance(raised.value, RequestDamaged)


@pytest.mark.parametrize(
    ("damaged", "data"),
    [
        (MANIFEST, b"{"),
        (MANIFEST, b""),
        (INPUT, b"Serial Number,Product Name,Image URLs\n7,Cup,http://shop.example/0\xff\n"),
        (INPUT, b"Serial Number,Product Name,Image URLs\n"),
    ],
)
async def test_csvs_that_cannot_be_written_properly_are_not_written(damaged: tuple[str, str], data: bytes) -> None:
    stage = Stage()
    await stage.write()
    del stage.store.objects[OUTPUT]
    stage.store.objects[damaged] = data
    with pytest.raises(RequestDamaged):
        await stage.write()
    assert OUTPUT not in stage.store.objects


async def test_damage_is_said_with_the_request_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.store.objects[REQUEST_JSON] = b"{"
    for minutes in (0, 1, 2, SAID_AGAIN_AFTER / timedelta(minutes=1)):
        stage.now = NOON + timedelta(minutes=minutes)
        with pytest.raises(RequestDamaged):
            await stage.requests.read(REQUEST)
    said = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [vars(record)["request_id"] for record in said] == [REQUEST, REQUEST]
