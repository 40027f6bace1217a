"""What a codec process is given and what it answers: small frozen values. The pictures lie in memory files."""

from dataclasses import dataclass
from typing import Final, Literal, NewType

SourceFormat = Literal["jpeg", "png", "webp", "gif"]
Format = Literal["jpeg", "png", "webp"]
Note = Literal["kept_original", "not_smaller"]
Refusal = Literal["unsupported_format", "corrupt_image", "too_many_pixels", "codec_memory"]
"""What a codec says of a picture, out of all image error codes."""

MAX_SIDE: Final = 65_500
"""Longest side of a picture that is decoded, in pixels."""


class Unusable(Exception):
    """This picture cannot be made into what is asked; `code` says why."""

    def __init__(self, code: Refusal, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


Descriptor = NewType("Descriptor", int)
"""An open file of the process that has the value; it means nothing to another one."""


@dataclass(frozen=True, slots=True)
class Order:
    """One rendition to make. `output` takes it."""

    format: Literal["keep", "jpeg", "png", "webp"]
    quality: int
    output: Descriptor
    width: int | None = None
    height: int | None = None
    fit: Literal["contain", "cover"] = "contain"


@dataclass(frozen=True, slots=True)
class Job:
    """One picture: one decode serves all orders. `may_repack`: what cannot be made smaller may be packed better."""

    source: Descriptor
    max_pixels: int
    orders: tuple[Order, ...]
    may_repack: bool = True


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """The source as it is stored: its size is the one before orientation is applied."""

    format: SourceFormat
    width: int
    height: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Made:
    """What lies in the output of the order at the same place."""

    format: Format
    width: int
    height: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Compressed:
    source: SourcePicture
    made: tuple[Made, ...]
    note: Note | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The picture's own fault."""

    code: Refusal
    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A mistake of the codec's own, which one picture found."""

    error: str


@dataclass(frozen=True, slots=True)
class Task:
    """A job and the processor time that it may take."""

    job: Job
    cpu_seconds: float


Answer = Compressed | Refused | Failed
