"""How the work on one image becomes its result."""

from collections.abc import Sequence
from typing import get_args

from shared.errors import Permanent, Transient
from shared.events import ImageError, ImageProcessed, ImageRequested, Note, SourceFacts, StoredRendition
from shared.image_errors import ImageErrorCode

NO_ATTEMPT = 0


def succeeded(
    requested: ImageRequested,
    source: SourceFacts,
    renditions: Sequence[StoredRendition],
    *,
    note: Note | None,
    attempts: int,
    duration_ms: int,
) -> ImageProcessed:
    """All renditions are stored; the result serves every index of the request's chunk with this URL."""
    return _result(
        requested, source=source, renditions=renditions, note=note, attempts=attempts, duration_ms=duration_ms
    )


def carried_over(
    requested: ImageRequested, source: SourceFacts, renditions: Sequence[StoredRendition], *, duration_ms: int
) -> ImageProcessed:
    """All renditions are copies of those of an earlier request; nothing was fetched."""
    return _result(
        requested,
        source=source,
        renditions=renditions,
        note="carried_over",
        attempts=NO_ATTEMPT,
        duration_ms=duration_ms,
    )


def failed(
    requested: ImageRequested, error: Permanent | Transient, *, attempts: int, duration_ms: int
) -> ImageProcessed:
    """The image fails with the error's code and message."""
    return _result(requested, error=as_image_error(error), attempts=attempts, duration_ms=duration_ms)


def as_image_error(error: Permanent | Transient) -> ImageError:
    """Put an instruction into the words of the closed list; a code that is not in it is our own mistake."""
    code: ImageErrorCode = next((code for code in get_args(ImageErrorCode) if code == error.code), "internal_error")
    return ImageError(code=code, message=error.message)


def _result(
    requested: ImageRequested,
    *,
    source: SourceFacts | None = None,
    renditions: Sequence[StoredRendition] = (),
    note: Note | None = None,
    error: ImageError | None = None,
    attempts: int,
    duration_ms: int,
) -> ImageProcessed:
    return ImageProcessed(
        request_id=requested.request_id,
        owner=requested.owner,
        chunk=requested.chunk,
        chunk_images=requested.chunk_images,
        chunks_total=requested.chunks_total,
        window=requested.window,
        indexes=requested.indexes,
        outcome="succeeded" if error is None else "failed",
        note=note,
        error=error,
        source=source,
        renditions=tuple(renditions),
        attempts=attempts,
        duration_ms=duration_ms,
    )
