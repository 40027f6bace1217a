"""What consumers hand to handlers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from shared.events import Event

E = TypeVar("E", bound=Event, covariant=True)

Rest = Callable[[], Awaitable[None]]
"""What a handler leaves to do: telling what came of its work, for which it needs no place among those at work.

It may be repeated without the work, and the record is finished when it returns.
"""


class Trigger(NamedTuple):
    """The record that caused a step: it, and no other, may repeat the step. `topic` includes the prefix."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class TopicPartition(NamedTuple):
    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the broker gives it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int = 0

    @property
    def trigger(self) -> Trigger:
        return Trigger(self.topic, self.partition, self.offset)


@dataclass(frozen=True, slots=True)
class Received(Generic[E]):
    """A decoded event, where it stood, its record's headers as text, and the record itself.

    Only an event that a test made by hand has no record.
    """

    event: E
    trigger: Trigger
    headers: Mapping[str, str] = field(default_factory=dict)
    record: Record | None = None
