"""The processor's process on a real Kafka and S3: what becomes of pictures."""

import asyncio
import hashlib
import io
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from shared.events import CarriedRendition, CarryOver
from shared.recipes import Recipe, Rendition
from tests.integration.processor_place import PICTURE, Place, place_on
from tests.stack import StackForTests

pytestmark = pytest.mark.stack


@pytest_asyncio.fixture
async def place(stack: StackForTests, tmp_path: Path) -> AsyncIterator[Place]:
    async with place_on(stack, tmp_path) as found:
        yield found


async def test_a_requested_picture_is_stored_and_reported(place: Place) -> None:
    await place.start()
    request_id = await place.request("/cup.jpg", "/clear.png")
    answers = await place.answers(request_id, 2)
    for index, picture_format, extension in ((0, "jpeg", "jpg"), (1, "png", "png")):
        (rendition,) = answers[index].renditions
        assert rendition.key == f"{request_id}/{index}/compressed.{extension}"
        stored = await place.store.get(place.settings.s3_bucket_images, rendition.key)
        assert (len(stored), hashlib.sha256(stored).hexdigest()) == (rendition.bytes, rendition.sha256)
        image = Image.open(io.BytesIO(stored))
        assert (image.format, image.size, rendition.format) == (picture_format.upper(), (160, 120), picture_format)
        assert answers[index].outcome == "succeeded"
    assert await place.stop() == 0


async def test_renditions_are_made_once_and_carried_over_to_later_requests(place: Place) -> None:
    thumbnail = Rendition(name="thumbnail", width=50, height=50, fit="cover", format="webp")
    recipe = Recipe(name="catalogue", renditions=(Rendition(name="compressed"), thumbnail))
    await place.start()
    first = await place.request_with("/cup.jpg", recipe)
    assert [(one.format, one.width) for one in first.renditions] == [("jpeg", 160), ("webp", 50)]
    offered = tuple(CarriedRendition(name=one.name, key=one.key) for one in first.renditions)
    carry_over = CarryOver(request_id=first.request_id, index=0, renditions=offered)
    second = await place.request_with("/gone.jpg", recipe, carry_over)
    assert (second.outcome, second.note, second.attempts) == ("succeeded", "carried_over", 0)
    assert second.source == first.source
    for now, then in zip(second.renditions, first.renditions, strict=True):
        assert now.key != then.key
        assert now == then.model_copy(update={"key": now.key})
        content = await place.store.get(place.settings.s3_bucket_images, now.key)
        assert hashlib.sha256(content).hexdigest() == now.sha256
    await place.store.delete_all(place.settings.s3_bucket_images, f"{first.request_id}/")
    third = await place.request_with("/cup.jpg", recipe, carry_over)
    assert (third.outcome, third.note, third.attempts) == ("succeeded", None, 1)


@pytest.mark.checklist("P11", "P21", "P22")
async def test_each_bad_source_fails_alone_with_its_code(place: Place) -> None:
    await place.start()
    paths = ("/cup.jpg", "/page.jpg", "/half.jpg", "/nowhere.jpg", "/cup.jpg")
    answers = await place.answers(await place.request(*paths, lane="bulk"), len(paths))
    codes = [answer.error.code if answer.error else None for _, answer in sorted(answers.items())]
    assert codes == [None, "unsupported_format", "corrupt_image", "http_404", None]


@pytest.mark.checklist("P20")
async def test_a_killed_processor_leaves_no_image_without_a_result(place: Place) -> None:
    await place.start()
    request_id = await place.request(*["/cup.jpg"] * 60)
    await place.answers(request_id, 1)
    await place.kill()
    await place.start()
    answers = await place.answers(request_id, 60)
    assert {answer.outcome for answer in answers.values()} == {"succeeded"}
    keys = {rendition.key for answer in answers.values() for rendition in answer.renditions}
    assert len(keys) == 60


async def test_a_copying_processor_stores_sources_as_they_came(place: Place) -> None:
    await place.start("bench.copying_processor")
    request_id = await place.request("/cup.jpg", "/page.jpg")
    answers = await place.answers(request_id, 2)
    (rendition,) = answers[0].renditions
    assert await place.store.get(place.settings.s3_bucket_images, rendition.key) == PICTURE
    assert (rendition.format, rendition.width, rendition.height, rendition.bytes) == ("jpeg", 160, 120, len(PICTURE))
    assert answers[1].error is not None
    assert answers[1].error.code == "unsupported_format"
    assert await place.stop() == 0


async def test_wrong_settings_give_one_line_for_each_and_exit_2(place: Place) -> None:
    environment = {**place.environment, "CODEC_PROCESSES": "none", "FETCH_ALLOW_NETWORKS": "somewhere"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.processor", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    lines = said.decode().splitlines()
    assert len(lines) == 2, lines
    assert all(line.startswith("processor: ") for line in lines)
