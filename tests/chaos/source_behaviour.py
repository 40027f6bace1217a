"""What the source of the chaos runs does with each URL, and what has to become of it.

A URL's path is `/<kind>/<picture>/<number>.<extension>`. What is answered depends on the kind and on how often that URL
was asked for before, on nothing else. Every kind settles: from some try on it always gives the same answer, so that
further tries, which kills bring about, change nothing in the end.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Answer(Enum):
    """One answer of the source."""

    PICTURE = "the picture"
    SLOW_PICTURE = "the picture, in two halves with a pause"
    SERVER_ERROR = "500"
    BUSY = "429 with Retry-After: 1"
    AWAY = "503 with Retry-After: 1"
    RESET = "no answer, the connection is reset"
    CUT = "half of the body that was announced"
    STALL = "half of the body, then silence"
    FORBIDDEN = "403"
    MISSING = "404"
    GONE = "410"
    EMPTY = "an empty body"
    GARBAGE = "a body that is no picture"
    HALF_PICTURE = "a whole body with half a picture"


@dataclass(frozen=True, slots=True)
class Kind:
    """`first` are the answers to the first tries, in turn; `then` is the answer to all others."""

    name: str
    then: Answer
    status: str
    """What `Image Statuses` has to say in the end."""
    first: tuple[Answer, ...] = ()
    weight: float = 1.0

    @property
    def recovers(self) -> bool:
        """Whether it fails at first and succeeds when it is tried again."""
        return bool(self.first)

    @property
    def needs_retries(self) -> bool:
        """Whether its end is only reached by trying again."""
        return self.recovers or self.then is Answer.SERVER_ERROR


SUCCEEDED: Final = "succeeded"

_ALL: Final = (
    Kind("good", Answer.PICTURE, SUCCEEDED, weight=90),
    Kind("slow", Answer.SLOW_PICTURE, SUCCEEDED, weight=2),
    Kind("forbidden", Answer.FORBIDDEN, "http_403", weight=0.4),
    Kind("missing", Answer.MISSING, "http_404", weight=1.5),
    Kind("gone", Answer.GONE, "http_410", weight=0.4),
    Kind("empty", Answer.EMPTY, "empty", weight=0.4),
    Kind("garbage", Answer.GARBAGE, "unsupported_format", weight=0.5),
    Kind("half", Answer.HALF_PICTURE, "corrupt_image", weight=0.4),
    Kind("error-once", Answer.PICTURE, SUCCEEDED, (Answer.SERVER_ERROR,)),
    Kind("error-twice", Answer.PICTURE, SUCCEEDED, (Answer.SERVER_ERROR,) * 2, weight=0.5),
    Kind("reset-once", Answer.PICTURE, SUCCEEDED, (Answer.RESET,), weight=0.5),
    Kind("cut-once", Answer.PICTURE, SUCCEEDED, (Answer.CUT,), weight=0.5),
    Kind("cut-then-reset", Answer.PICTURE, SUCCEEDED, (Answer.CUT, Answer.RESET), weight=0.3),
    Kind("stall-once", Answer.PICTURE, SUCCEEDED, (Answer.STALL,), weight=0.3),
    Kind("busy-twice", Answer.PICTURE, SUCCEEDED, (Answer.BUSY,) * 2, weight=0.4),
    Kind("away-once", Answer.PICTURE, SUCCEEDED, (Answer.AWAY,), weight=0.4),
    Kind("error-always", Answer.SERVER_ERROR, "http_5xx", weight=0.2),
)
KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in _ALL}


def kinds_that_settle(*, with_retries: bool) -> Collection[Kind]:
    """The kinds of a run; without retries, only those that are as good or bad at the first try as at any."""
    return tuple(kind for kind in _ALL if with_retries or not kind.needs_retries)


@dataclass(frozen=True, slots=True)
class Place:
    """What a path names."""

    kind: Kind
    picture: int


def place_of(path: str) -> Place:
    """Read a path; `ValueError` or `KeyError` when it is none of the source's."""
    _, kind, picture, _ = path.partition("?")[0].split("/")
    return Place(KINDS[kind], int(picture))


def answer_to(kind: Kind, tries_before: int) -> Answer:
    """What a try gets, given how many the same URL had before."""
    return kind.first[tries_before] if tries_before < len(kind.first) else kind.then
