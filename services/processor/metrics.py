"""What the processor counts and times."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Final

from prometheus_client import Counter, Histogram

from shared.events import ImageProcessed

IMAGES: Final = Counter(
    "pixelmill_processor_images", "Images with a result, by outcome and error code", ["outcome", "code"]
)
RETRIES: Final = Counter(
    "pixelmill_processor_retries", "Images that are tried once more after a failure of their source", ["code"]
)
DEFERRALS: Final = Counter(
    "pixelmill_processor_deferrals", "Images that wait without an attempt because their source is left alone", ["code"]
)
DEAD_LETTERS: Final = Counter("pixelmill_processor_dead_letters", "Images that were given up after all tries", ["code"])
SUSPECTS: Final = Counter(
    "pixelmill_processor_suspects", "Images that were run alone because a processor died while it worked on them"
)
STAGE_SECONDS: Final = Histogram(
    "pixelmill_processor_stage_seconds",
    "Seconds that one image spends in a stage (copy, fetch, codec, store), waiting for its turn included",
    ["stage"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40),
)
SOURCE_BYTES: Final = Counter("pixelmill_processor_source_bytes", "Bytes of sources that became renditions")
CODEC_PROCESSES_LOST: Final = Counter(
    "pixelmill_processor_codec_processes_lost",
    "Codec processes that used up the time of their picture (late), died (died), or did not answer (silent)",
    ["cause"],
)
STORED_BYTES: Final = Counter("pixelmill_processor_stored_bytes", "Bytes of renditions that were stored")


def stage(name: str) -> AbstractContextManager[None]:
    """Time what happens inside, whether it ends well or not."""
    return _stage_seconds(name).time()


def count(result: ImageProcessed) -> None:
    """Count one published result; a success has the code `none`."""
    _images(result.outcome, result.error.code if result.error else "none").inc()
    if result.source is not None and result.note != "carried_over":
        SOURCE_BYTES.inc(result.source.bytes)
        STORED_BYTES.inc(sum(rendition.bytes for rendition in result.renditions))


@cache
def _stage_seconds(name: str) -> Histogram:
    return STAGE_SECONDS.labels(name)


@cache
def _images(outcome: str, code: str) -> Counter:
    return IMAGES.labels(outcome, code)
