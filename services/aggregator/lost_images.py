"""Images that lie behind a barrier without a result: they are requested again.

Should an image be made twice all the same, its first result counts.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from services.aggregator.known_requests import RequestGone
from services.aggregator.metrics import WATCHDOG_ACTIONS
from services.aggregator.on_image_processed import ChunkId
from shared.events import ImageError, ImageProcessed
from shared.ids import RequestId
from shared.image_requests import LANES, images_requested
from shared.kafka.producer import Facts
from shared.request_files import ManifestImage, RequestFile
from shared.topics import IMAGES_PROCESSED

log = logging.getLogger(__name__)

MOST_REPUBLISHED: Final = 3
_NEVER_A_RESULT: Final = ImageError(
    code="internal_error", message="This image was tried several times and never got a result."
)


@dataclass(frozen=True, slots=True)
class MissingResults:
    """Images of a chunk without a result, and how often they were requested again."""

    indexes: Sequence[int]
    times_republished: int


class ChunkResults(Protocol):
    async def missing(self, chunk: ChunkId) -> MissingResults:
        """What lacks in the chunk: nothing when it is recorded, or its request has ended or is gone."""
        ...

    async def count_republished(self, chunk: ChunkId) -> None: ...


class RequestFiles(Protocol):
    async def file(self, request_id: RequestId) -> RequestFile:
        """Read `request.json`; raises `RequestGone`."""
        ...

    async def manifest(self, request_id: RequestId, chunk: int) -> Sequence[ManifestImage]:
        """Read the images of one chunk, in order; raises `RequestGone`."""
        ...


class RequestAgain:
    """Requests images again that were lost, and gives them up when that did not help several times."""

    def __init__(self, results: ChunkResults, files: RequestFiles, facts: Facts) -> None:
        self._results = results
        self._files = files
        self._facts = facts

    async def __call__(self, chunk: ChunkId, _now: datetime, /) -> None:
        missing = await self._results.missing(chunk)
        if not missing.indexes:
            return
        try:
            file = await self._files.file(chunk.request_id)
            if missing.times_republished < MOST_REPUBLISHED:
                await self._republish(file, chunk, missing.indexes)
            else:
                await self._give_up(file, chunk.chunk, missing.indexes)
        except RequestGone as gone:
            # Nothing that is said brings back what is damaged; the deadline ends the request.
            fields = {"request_id": chunk.request_id, "reason": gone.reason}
            log.info("stalled request cannot be helped", extra=fields)

    async def _republish(self, file: RequestFile, chunk: ChunkId, indexes: Sequence[int]) -> None:
        wanted = set(indexes)
        images = [image for image in await self._files.manifest(*chunk) if image.index in wanted]
        await self._facts.publish(LANES[file.lane], *images_requested(file, chunk.chunk, images))
        # Afterwards: a crash in between must not count what was never tried.
        await self._results.count_republished(chunk)
        self._acted("images requested again", "republished", chunk=chunk, images=len(indexes))

    async def _give_up(self, file: RequestFile, chunk: int, indexes: Sequence[int]) -> None:
        failed = ImageProcessed(
            request_id=file.request_id,
            owner=file.owner,
            chunk=chunk,
            chunk_images=file.images_in_chunk(chunk),
            chunks_total=file.chunks_total,
            window=file.window,
            indexes=tuple(indexes),
            outcome="failed",
            note=None,
            error=_NEVER_A_RESULT,
            source=None,
            renditions=(),
            attempts=0,
            duration_ms=0,
        )
        await self._facts.publish(IMAGES_PROCESSED, failed)
        self._acted("lost images given up", "failed", chunk=ChunkId(file.request_id, chunk), images=len(indexes))

    def _acted(self, message: str, kind: str, *, chunk: ChunkId, images: int) -> None:
        WATCHDOG_ACTIONS.labels(kind).inc()
        log.warning(message, extra={"request_id": chunk.request_id, "chunk": chunk.chunk, "images": images})
