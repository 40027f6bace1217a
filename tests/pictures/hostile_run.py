"""Hostile pictures through a real processor, with good ones in between, and what came of it."""

import asyncio
import io
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from PIL import Image

from bench.process_memory import MEGABYTE, proportional_set_size, with_descendants
from shared.events import ImageProcessed
from tests.integration.processor_place import PAGES, Place
from tests.unit.processor.codec_children import codec_processes
from tests.waiting import until

GOOD: Final = ("/cup.jpg", "/clear.png")
SAMPLE_SECONDS: Final = 0.2
SLOWEST_SHOWN: Final = 5
PRIVATE: Final = frozenset({"exif", "xmp", "comment", "icc_profile", "XML:com.adobe.xmp", "photoshop", "mp", "adobe"})


@dataclass(frozen=True, kw_only=True)
class Promises:
    """What has to hold for each picture, and for the processor with all that it started."""

    deadline_seconds: float
    memory_bytes: int


@dataclass
class Course:
    """What was seen of one run."""

    promises: Promises
    answers: list[tuple[str, ImageProcessed, float]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    processes: set[int] = field(default_factory=set)
    first_bytes: int = 0
    most_bytes: int = 0

    def summary(self) -> dict[str, Any]:
        """Figures for reading and for comparing; `broken` names each promise that did not hold."""
        results = [(name, answer.error.code if answer.error else "succeeded") for name, answer, _ in self.answers]
        hostile = Counter(said for name, said in results if name not in GOOD)
        slowest = sorted(self.answers, key=lambda one: -one[2])[:SLOWEST_SHOWN]
        return {
            "pictures": hostile.total(),
            "good_pictures_in_between": len(results) - hostile.total(),
            "outcomes": dict(hostile.most_common()),
            "slowest_seconds": {name: round(seconds, 2) for name, _, seconds in slowest},
            "slowest_in_processor_ms": max((answer.duration_ms for _, answer, _ in self.answers), default=0),
            "memory_mb": {"first": self.first_bytes // MEGABYTE, "most": self.most_bytes // MEGABYTE},
            "codec_processes": len(self.processes),
            "broken": self.broken,
        }


async def run(place: Place, pictures: Mapping[str, str], promises: Promises, *, outstanding: int = 32) -> Course:
    """Send all pictures, given by name and path; return when each has its result or none in time."""
    course = Course(promises)
    batches = list(_batches(list(pictures.items()), size=max(1, outstanding // 2)))
    await place.start()
    async with _watched(place, course):

        async def send() -> None:
            while batches:
                await _send(place, batches.pop(0), course)

        await asyncio.gather(send(), send())
    await _check_stored(place, course)
    _check_processor(course, await place.stop())
    return course


def _batches(pictures: Sequence[tuple[str, str]], *, size: int) -> Iterator[list[tuple[str, str]]]:
    """A good picture before each two of the others."""
    mixed: list[tuple[str, str]] = []
    for number, picture in enumerate(pictures):
        if number % 2 == 0:
            good = GOOD[number // 2 % len(GOOD)]
            mixed.append((good, good))
        mixed.append(picture)
    for start in range(0, len(mixed), size):
        yield mixed[start : start + size]


async def _send(place: Place, batch: Sequence[tuple[str, str]], course: Course) -> None:
    began = time.monotonic()
    request_id = await place.request(*(path for _, path in batch), lane="bulk")
    arrivals: dict[int, float] = {}

    def found() -> list[ImageProcessed]:
        said = [one for one in place.results if one.request_id == request_id]
        for one in said:
            arrivals.setdefault(one.indexes[0], time.monotonic() - began)
        return said

    with suppress(AssertionError):
        deadline = course.promises.deadline_seconds
        await until(lambda: len(found()) >= len(batch), seconds=deadline, what="all results are there")
    answers = found()
    course.answers += [(batch[one.indexes[0]][0], one, arrivals[one.indexes[0]]) for one in answers]
    course.broken += _wrong_with(batch, answers)


def _wrong_with(batch: Sequence[tuple[str, str]], answers: Sequence[ImageProcessed]) -> Iterator[str]:
    times = Counter(answer.indexes[0] for answer in answers)
    yield from (f"{name}: {times[index]} results" for index, (name, _) in enumerate(batch) if times[index] != 1)
    for answer in answers:
        name = batch[answer.indexes[0]][0]
        if name in GOOD and answer.error is not None:
            yield f"{name}: a good picture failed with {answer.error.code}"
        if answer.error is not None and answer.error.code == "internal_error":
            yield f"{name}: failed for a reason that is not its own"


async def _check_stored(place: Place, course: Course) -> None:
    """Everything that was stored is what its result says, and a picture only."""
    for name, answer, _ in course.answers:
        for rendition in answer.renditions:
            content = await place.store.get(place.settings.s3_bucket_images, rendition.key)
            with Image.open(io.BytesIO(content)) as image:
                image.load()
                is_as_said = (image.format or "").lower() == rendition.format
                is_as_said &= image.size == (rendition.width, rendition.height)
                private = PRIVATE & image.info.keys()
            if not is_as_said or private or image.getexif():
                course.broken.append(f"{name}: stored is something else, or more than pixels {sorted(private)}")


def _check_processor(course: Course, exit_code: int) -> None:
    if exit_code:
        course.broken.append(f"the processor ended with {exit_code}")
    if course.most_bytes > course.promises.memory_bytes:
        course.broken.append(f"the processor took {course.most_bytes // MEGABYTE} MB")


@asynccontextmanager
async def _watched(place: Place, course: Course) -> AsyncIterator[None]:
    process = place.processes[-1]

    async def watch() -> None:
        while process.returncode is None:
            held = sum(proportional_set_size(pid) for pid in with_descendants(process.pid))
            course.first_bytes = course.first_bytes or held
            course.most_bytes = max(course.most_bytes, held)
            course.processes |= set(codec_processes(process.pid))
            await asyncio.sleep(SAMPLE_SECONDS)
        course.broken.append("the processor died")

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


def served(pictures: Mapping[str, bytes]) -> tuple[dict[str, bytes], dict[str, str]]:
    """What is served by path, good pictures included, and the path of each picture by name."""
    paths = {name: f"/hostile/{number}" for number, name in enumerate(pictures)}
    return PAGES | {paths[name]: content for name, content in pictures.items()}, paths
