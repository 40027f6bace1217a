"""Releases chunks: each one once, by one event, and again only by that very event."""

import logging
from collections.abc import Sequence
from typing import Protocol

from shared.ids import RequestId
from shared.image_requests import LANES, images_requested
from shared.kafka.producer import Facts
from shared.kafka.records import Trigger
from shared.request_files import ManifestImage, RequestFile

log = logging.getLogger(__name__)


class ReleasedChunks(Protocol):
    async def claim(self, request_id: RequestId, chunks: Sequence[int], trigger: Trigger) -> list[int]:
        """Note who releases these chunks. Return, in order, those that this trigger may publish.

        Left out are chunks that another trigger released, and all chunks of a request that has ended.
        """
        ...


class Manifests(Protocol):
    async def manifest_chunk(self, request_id: RequestId, chunk: int) -> list[ManifestImage] | None:
        """The images of a chunk; None when there is no such object."""
        ...


class ReleaseChunks:
    """The claim is committed before the events are published: a crash in between is repaired by the redelivery."""

    def __init__(self, released: ReleasedChunks, manifests: Manifests, facts: Facts) -> None:
        self._released = released
        self._manifests = manifests
        self._facts = facts

    async def __call__(self, request: RequestFile, chunks: Sequence[int], trigger: Trigger) -> None:
        if not chunks:
            return
        for chunk in await self._released.claim(request.request_id, chunks, trigger):
            await self._publish(request, chunk)

    async def _publish(self, request: RequestFile, chunk: int) -> None:
        images = await self._manifests.manifest_chunk(request.request_id, chunk)
        if images is None:
            log.error("manifest chunk is gone", extra={"request_id": request.request_id, "chunk": chunk})
            return
        await self._facts.publish(LANES[request.lane], *images_requested(request, chunk, images))
