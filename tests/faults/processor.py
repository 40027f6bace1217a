"""A stand-in for the processor: every image has its answer, and every index is counted that was asked for."""

from collections import Counter
from typing import Final

from shared import object_keys
from shared.events import ImageError, ImageProcessed, ImageRequested, SourceFacts, StoredRendition
from shared.ids import RequestId
from shared.kafka.producer import Facts
from shared.kafka.records import Received
from shared.request_files import RequestFile
from shared.topics import IMAGES_PROCESSED

SOURCE: Final = SourceFacts(bytes=1000, format="jpeg", width=4, height=3, sha256="ab" * 32)
MEASURES: Final = {"request_id", "owner", "chunk", "chunk_images", "chunks_total", "window"}


class ProcessorStandIn:
    """Answers as the processor does: the same request gets the same result. Every fifth image is not there."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.asked: Counter[tuple[str, int]] = Counter()

    async def __call__(self, received: Received[ImageRequested]) -> None:
        event = received.event
        self.asked.update((event.request_id, index) for index in event.indexes)
        await self._facts.publish(IMAGES_PROCESSED, _result(event.indexes, event.model_dump(include=MEASURES)))


def results_of(request: RequestFile) -> list[ImageProcessed]:
    """What becomes of all images of a request, although nobody has asked for them."""
    return [_result((index,), _measures(request, index // request.chunk_size)) for index in range(request.images_total)]


def _measures(request: RequestFile, chunk: int) -> dict[str, object]:
    return {
        "request_id": request.request_id,
        "owner": request.owner,
        "chunk": chunk,
        "chunk_images": request.images_in_chunk(chunk),
        "chunks_total": request.chunks_total,
        "window": request.window,
    }


def _result(indexes: tuple[int, ...], measures: dict[str, object]) -> ImageProcessed:
    fails = indexes[0] % 5 == 4
    error = ImageError(code="http_404", message="The server answered 404.")
    return ImageProcessed.model_validate(
        {
            **measures,
            "indexes": indexes,
            "outcome": "failed" if fails else "succeeded",
            "note": None,
            "error": error if fails else None,
            "source": None if fails else SOURCE,
            "renditions": () if fails else (_rendition(str(measures["request_id"]), indexes[0]),),
            "attempts": 1,
            "duration_ms": 12,
        }
    )


def _rendition(request_id: str, index: int) -> StoredRendition:
    key = object_keys.image(RequestId(request_id), index, rendition="compressed", extension="jpg")
    return StoredRendition(name="compressed", key=key, format="jpeg", width=4, height=3, bytes=250, sha256="cd" * 32)
