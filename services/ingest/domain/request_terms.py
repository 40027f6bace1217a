"""What is agreed when a request is accepted: counts, chunks, lane, deadline."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.ingest.domain.csv_intake import CsvIntake
from services.ingest.domain.options import SubmitOptions
from shared.events import Lane
from shared.ids import Owner, RequestId
from shared.recipes import Recipe
from shared.request_files import RequestFile

_IMAGES_PER_EXTENSION: Final = 100_000
_EXTENSION: Final = timedelta(hours=1)


class Limits(NamedTuple):
    """The measures that a deployment sets, frozen into each request."""

    chunk_size: int
    window: int
    max_images: int
    deadline: timedelta


def deadline_at(accepted_at: datetime, images: int, *, base: timedelta) -> datetime:
    """The moment at which a request expires: the base, and an hour more for each full 100,000 images."""
    return accepted_at + base + _EXTENSION * (images // _IMAGES_PER_EXTENSION)


def lane_of(chunks: int, options: SubmitOptions) -> Lane:
    """Requests of one chunk overtake large ones, unless their owner is in no hurry."""
    return "express" if chunks <= 1 and options.priority == "normal" else "bulk"


def request_file(
    request_id: RequestId,
    owner: Owner,
    *,
    intake: CsvIntake,
    options: SubmitOptions,
    recipe: Recipe,
    limits: Limits,
    accepted_at: datetime,
) -> RequestFile:
    """Write down what was agreed about a CSV that was read to its end. Times have milliseconds, as in JSON."""
    moment = _to_milliseconds(accepted_at)
    return RequestFile(
        request_id=request_id,
        owner=owner,
        rows=intake.rows,
        images_total=intake.images,
        chunks_total=intake.chunks,
        chunk_size=limits.chunk_size,
        window=limits.window,
        lane=lane_of(intake.chunks, options),
        accepted_at=moment,
        deadline_at=deadline_at(moment, intake.images, base=limits.deadline),
        recipe=recipe,
        csv=intake.shape,
        on_invalid=options.on_invalid,
        failed_slots=options.failed_slots,
        callback_url=options.callback_url,
        metadata=options.metadata,
    )


def retry_file(original: RequestFile, request_id: RequestId, *, limits: Limits, accepted_at: datetime) -> RequestFile:
    """Write down what is agreed about a retry: the same images in the same chunks, on the terms of today."""
    moment = _to_milliseconds(accepted_at)
    changes = {
        "request_id": request_id,
        "retry_of": original.request_id,
        "window": limits.window,
        "accepted_at": moment,
        "deadline_at": deadline_at(moment, original.images_total, base=limits.deadline),
    }
    return original.model_copy(update=changes)


def _to_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
