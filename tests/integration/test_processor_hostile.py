"""The processor's process on a real Kafka and S3, with a handful of pictures that mean harm."""

from pathlib import Path

import pytest

from bench.process_memory import MEGABYTE
from tests.pictures.hostile import judged
from tests.pictures.hostile_run import Promises
from tests.stack import StackForTests
from tests.unit.processor.hostile_pictures import a_handful

pytestmark = pytest.mark.stack

PROMISES = Promises(deadline_seconds=60, memory_bytes=1000 * MEGABYTE)


@pytest.mark.checklist("P12", "P13", "P22")
async def test_each_hostile_picture_has_one_result_and_good_ones_in_between_succeed(
    stack: StackForTests, tmp_path: Path
) -> None:
    pictures = a_handful()
    summary = await judged(stack, tmp_path, pictures, PROMISES, CODEC_TIMEOUT_SECONDS="1.5")
    assert summary["broken"] == []
    assert summary["pictures"] == len(pictures)
    outcomes = summary["outcomes"]
    assert (outcomes["too_many_pixels"], outcomes["codec_timeout"], outcomes["unsupported_format"]) == (3, 1, 3)
    assert set(outcomes) == {"succeeded", "too_many_pixels", "codec_timeout", "unsupported_format", "corrupt_image"}
