"""A dead letter as operators see it: what it is, why nobody could do anything with it, and where it came from."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple, get_args

from shared.ids import RequestId
from shared.topics import IMAGES_DLT, UNDECODABLE_DLT, WEBHOOKS_DLT, Topic

DeadLetterKind = Literal["image", "delivery", "undecodable"]
KINDS: Final[tuple[DeadLetterKind, ...]] = get_args(DeadLetterKind)
DEAD_LETTER_TOPICS: Final[Mapping[DeadLetterKind, Topic]] = {
    "image": IMAGES_DLT,
    "delivery": WEBHOOKS_DLT,
    "undecodable": UNDECODABLE_DLT,
}
UNKNOWN_CODE: Final = "unknown"
"""The code of a letter that does not say why it is one."""

RecordHeaders = tuple[tuple[str, bytes | None], ...]


class NotALetterId(ValueError):
    """This is no id of a dead letter. Use ids as the list of dead letters gives them."""


class LetterId(NamedTuple):
    """The record that is the letter; `topic` includes the prefix. As text it is `topic:partition:offset`."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"

    @property
    def place(self) -> str:
        """The record as other records name it."""
        return f"{self.topic}/{self.partition}/{self.offset}"


LARGEST_PARTITION: Final = 2**31 - 1
LARGEST_OFFSET: Final = 2**63 - 1
_ID: Final = re.compile(r"(?P<topic>[a-zA-Z0-9._-]{1,249}):(?P<partition>[0-9]{1,10}):(?P<offset>[0-9]{1,19})")


def letter_id(text: str) -> LetterId:
    """Read an id; raises `NotALetterId`."""
    read = _ID.fullmatch(text)
    if read is None:
        raise NotALetterId(NotALetterId.__doc__)
    found = LetterId(read["topic"], int(read["partition"]), int(read["offset"]))
    if found.partition > LARGEST_PARTITION or found.offset > LARGEST_OFFSET:
        raise NotALetterId(NotALetterId.__doc__)
    return found


@dataclass(frozen=True, slots=True)
class Origin:
    """The record that became the letter. Partition and offset are unknown when a stranger wrote the letter."""

    topic: str
    partition: int | None
    offset: int | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One letter. `headers` are those of the record before it died; what made it a letter is in the fields.

    `subject` is what a replay is about: the request of an image, the delivery. Letters of one subject are replayed
    together. `key` and `value` may be cut in lists; `value_bytes` is the size of all of it.
    `lacks` tells what of the record did not fit into the letter itself. `replayed_at` and `replays` count those of the
    subject, where they are for good.
    """

    id: LetterId
    kind: DeadLetterKind
    at: datetime
    code: str
    message: str
    request_id: RequestId | None
    subject: str | None
    origin: Origin | None
    key: bytes
    value: bytes
    headers: RecordHeaders
    key_bytes: int
    value_bytes: int
    has_all_headers: bool = True
    lacks: str | None = None
    replayed_at: datetime | None = None
    replays: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the record is left out."""
        return self.has_all_headers and (self.key_bytes, self.value_bytes) == (len(self.key), len(self.value))

    @property
    def is_replayed_for_good(self) -> bool:
        """Whether a replay is for all letters of the subject, also for those that come later.

        A request that is retried is so with everything; a delivery that is given up once more is a new case.
        """
        return self.kind == "image" and self.subject is not None


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Letters of one kind that died of the same."""

    kind: DeadLetterKind
    code: str
    count: int
    replayed: int
    newest_at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One replay: every chosen letter of one subject, or one letter without."""

    letters: Sequence[DeadLetter]

    @property
    def first(self) -> DeadLetter:
        return self.letters[0]


def steps_of(letters: Sequence[DeadLetter]) -> list[Step]:
    """What is to be done for these letters, in their order: each request and each delivery once."""
    subjects: dict[tuple[str, str], list[DeadLetter]] = {}
    for letter in letters:
        subjects.setdefault((letter.kind, letter.subject or str(letter.id)), []).append(letter)
    return [Step(alike) for alike in subjects.values()]
