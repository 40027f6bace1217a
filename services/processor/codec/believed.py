"""The one place where an answer enters: it is believed only if a codec of ours could have given it.

A picture may have taken over the process that answers. What it can make us say, read and store ends here.
"""

import os
import re
from typing import Final

from pydantic import TypeAdapter

from services.processor.codec.job import (
    MAX_SIDE,
    Answer,
    Compressed,
    Descriptor,
    Failed,
    Job,
    Made,
    Order,
    Refused,
    SourcePicture,
)
from services.processor.codec.messages import MAX_ERROR

MAX_MESSAGE: Final = 300
# An encoder stores what it cannot pack: four bytes for each pixel, and little around them.
MOST_BYTES_A_PIXEL: Final = 5
MOST_BYTES_BESIDE: Final = 1024 * 1024

_ANSWER: Final = TypeAdapter[Answer](Answer)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def believed(said: bytes, job: Job) -> Answer:
    """Return the answer to a job. Raises `ValueError` for what no codec of ours says."""
    answer = _ANSWER.validate_json(said, strict=True)
    if not _could_be(answer, job):
        raise ValueError("no codec of ours says this")
    return answer


def _could_be(answer: Answer, job: Job) -> bool:
    if isinstance(answer, Failed):
        return len(answer.error) <= MAX_ERROR and answer.error.isascii()
    if isinstance(answer, Refused):
        # Its code is one of the codec's by type. People read the message.
        return len(answer.message) <= MAX_MESSAGE and answer.message.isascii() and answer.message.isprintable()
    return _is_source(answer.source, job) and _are_made(answer, job)


def _is_source(source: SourcePicture, job: Job) -> bool:
    return _is_picture(source, job) and source.bytes == _length(job.source)


def _are_made(answer: Compressed, job: Job) -> bool:
    return len(answer.made) == len(job.orders) and all(
        _is_made(made, order, job) for made, order in zip(answer.made, job.orders, strict=True)
    )


def _is_made(made: Made, order: Order, job: Job) -> bool:
    most = MOST_BYTES_A_PIXEL * made.width * made.height + MOST_BYTES_BESIDE
    return (
        _is_picture(made, job)
        and order.format in {"keep", made.format}
        and 1 <= made.bytes <= most
        and made.bytes == _length(order.output)
    )


def _is_picture(said: SourcePicture | Made, job: Job) -> bool:
    return (
        1 <= said.width <= MAX_SIDE
        and 1 <= said.height <= MAX_SIDE
        and said.width * said.height <= job.max_pixels
        and _SHA256.fullmatch(said.sha256) is not None
    )


def _length(file: Descriptor) -> int:
    return os.fstat(file).st_size
