"""Which chunks an event releases, and what is asked for of a chunk's images."""

from collections.abc import Iterable

from shared.events import CarryOver, ImageRequested
from shared.request_files import ManifestImage, RequestFile


def first_chunks(request: RequestFile) -> range:
    """The chunks that the acceptance releases: one window of them."""
    return range(min(request.window, request.chunks_total))


def chunks_after(request: RequestFile, advanced: int) -> range:
    """The chunk one window after the one that advanced, if there is such a chunk."""
    following = advanced + request.window
    return range(following, min(following + 1, request.chunks_total))


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
