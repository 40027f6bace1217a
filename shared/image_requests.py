"""What is asked of processors for the images of a chunk, and in which lane."""

from collections.abc import Iterable
from typing import Final

from shared.events import CarryOver, ImageRequested, Lane
from shared.request_files import ManifestImage, RequestFile
from shared.topics import IMAGES_REQUESTED_BULK, IMAGES_REQUESTED_EXPRESS, Topic

LANES: Final[dict[Lane, Topic]] = {"express": IMAGES_REQUESTED_EXPRESS, "bulk": IMAGES_REQUESTED_BULK}


def images_requested(request: RequestFile, chunk: int, images: Iterable[ManifestImage]) -> list[ImageRequested]:
    """One event for each distinct source of a chunk, with every index it serves, in order of first use."""
    indexes: dict[tuple[str, CarryOver | None], list[int]] = {}
    for image in images:
        indexes.setdefault((image.url, image.carry_over), []).append(image.index)
    return [
        ImageRequested(
            request_id=request.request_id,
            owner=request.owner,
            chunk=chunk,
            chunk_images=request.images_in_chunk(chunk),
            chunks_total=request.chunks_total,
            window=request.window,
            indexes=tuple(served),
            url=url,
            recipe=request.recipe,
            carry_over=carry_over,
        )
        for (url, carry_over), served in indexes.items()
    ]
