"""What the aggregator answers about dead letters, as far as the command uses it."""

from typing import Literal

from pixelmill.api_answers import Part

Kind = Literal["image", "delivery", "undecodable"]


class RecordBytes(Part):
    text: str
    base64: bool = False
    bytes: int = 0
    cut: bool = False


class LetterOrigin(Part):
    topic: str
    partition: int | None = None
    offset: int | None = None


class DeadLetter(Part):
    """One dead letter."""

    id: str
    kind: str
    code: str
    message: str
    at: str
    request_id: str | None
    origin: LetterOrigin | None
    payload: RecordBytes
    lacks: str | None = None
    replayed_at: str | None


class LetterGroup(Part):
    """Letters of one kind that died of the same."""

    kind: str
    code: str
    count: int
    replayed: int
    newest_at: str


class DeadLetters(Part):
    """The newest first; the groups count all that fit."""

    groups: tuple[LetterGroup, ...]
    items: tuple[DeadLetter, ...]
    next_cursor: str | None = None


class ReplayItem(Part):
    """What became of one letter."""

    id: str
    outcome: str
    action: str | None = None
    target: str | None = None
    code: str | None = None
    detail: str | None = None


class Replayed(Part):
    """What was done, or with a dry run would be."""

    dry_run: bool
    fitting: int
    items: tuple[ReplayItem, ...]
    next_cursor: str | None = None
    stopped: str | None = None
