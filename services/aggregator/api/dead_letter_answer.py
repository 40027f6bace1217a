"""Dead letters as operators get them: any bytes as text, or else in base64."""

from base64 import b64encode
from codecs import getincrementaldecoder

from pydantic import BaseModel, Field

from services.aggregator.domain.dead_letter import DeadLetter, DeadLetterKind, LetterGroup
from services.aggregator.domain.dead_letter_replay import (
    RefusalCode,
    ReplayAction,
    ReplayedLetter,
    ReplayOutcome,
    ReplayReport,
)
from shared.events import Timestamp


class RecordBytes(BaseModel):
    """Some bytes of a record."""

    text: str
    base64: bool = Field(description="Whether `text` is base64, since the bytes are not UTF-8.")
    bytes: int = Field(description="The size of all of it.")
    cut: bool = Field(description="Whether `text` is only the beginning; the letter alone has all of it.")


class RecordHeader(BaseModel):
    name: str
    value: RecordBytes | None


class LetterOrigin(BaseModel):
    """The record that became the letter; a partition or an offset is null when the letter does not say it."""

    topic: str
    partition: int | None
    offset: int | None


class DeadLetterAnswer(BaseModel):
    """One dead letter."""

    id: str
    kind: DeadLetterKind
    code: str
    message: str
    at: Timestamp
    request_id: str | None
    origin: LetterOrigin | None
    key: RecordBytes
    payload: RecordBytes
    headers: list[RecordHeader] | None = Field(
        description="As the record had them before it died; null in a list when they are large."
    )
    lacks: str | None = Field(
        description="What of the record did not fit into the letter, with the bytes it had: `value=3000000`."
    )
    replayed_at: Timestamp | None
    replays: int


class DeadLetterGroup(BaseModel):
    """Letters of one kind that died of the same; `replayed` of them were replayed at least once."""

    kind: DeadLetterKind
    code: str
    count: int
    replayed: int
    newest_at: Timestamp


class DeadLetterList(BaseModel):
    """What fits in groups, and a page of it, newest first; `next_cursor` continues, and is null on the last page."""

    groups: list[DeadLetterGroup]
    items: list[DeadLetterAnswer]
    next_cursor: str | None


class ReplayItem(BaseModel):
    """What became of one letter. Letters of one request, or of one delivery, are replayed by one step."""

    id: str
    kind: DeadLetterKind | None = Field(description="Null when there is no such letter.")
    request_id: str | None
    outcome: ReplayOutcome
    action: ReplayAction | None = Field(description="What was done, or would be.")
    target: str | None = Field(description="The request, the delivery or the topic that the action is about.")
    code: RefusalCode | None = Field(description="Why it was refused.")
    detail: str | None


class ReplayAnswer(BaseModel):
    """What was done, or with `dry_run` would be, letter by letter."""

    dry_run: bool
    fitting: int = Field(description="How many letters fit from here on, those of this answer included.")
    items: list[ReplayItem]
    next_cursor: str | None = Field(description="Goes on where this call ended; null when it reached the last letter.")
    stopped: str | None = Field(description="Why the call ended early, when a part went away meanwhile.")


def record_bytes(data: bytes, size: int) -> RecordBytes:
    """Bytes as they are shown; `size` tells how many there are in all."""
    is_cut = size > len(data)
    try:
        # A cut may go through a character: what is left of it is dropped.
        text = getincrementaldecoder("utf-8")().decode(data, final=not is_cut)
    except UnicodeDecodeError:
        return RecordBytes(text=b64encode(data).decode(), base64=True, bytes=size, cut=is_cut)
    return RecordBytes(text=text, base64=False, bytes=size, cut=is_cut)


def letter_answer(letter: DeadLetter) -> DeadLetterAnswer:
    origin = letter.origin
    headers = [
        RecordHeader(name=name, value=None if value is None else record_bytes(value, len(value)))
        for name, value in letter.headers
    ]
    return DeadLetterAnswer(
        id=str(letter.id),
        kind=letter.kind,
        code=letter.code,
        message=letter.message,
        at=letter.at,
        request_id=letter.request_id,
        origin=LetterOrigin(topic=origin.topic, partition=origin.partition, offset=origin.offset) if origin else None,
        key=record_bytes(letter.key, letter.key_bytes),
        payload=record_bytes(letter.value, letter.value_bytes),
        headers=headers if letter.has_all_headers else None,
        lacks=letter.lacks,
        replayed_at=letter.replayed_at,
        replays=letter.replays,
    )


def group_answer(group: LetterGroup) -> DeadLetterGroup:
    return DeadLetterGroup(
        kind=group.kind, code=group.code, count=group.count, replayed=group.replayed, newest_at=group.newest_at
    )


def replay_answer(report: ReplayReport, *, dry_run: bool) -> ReplayAnswer:
    return ReplayAnswer(
        dry_run=dry_run,
        fitting=report.fitting,
        items=[_item(letter) for letter in report.letters],
        next_cursor=report.next_cursor,
        stopped=report.stopped,
    )


def _item(letter: ReplayedLetter) -> ReplayItem:
    return ReplayItem(
        id=str(letter.id),
        kind=letter.kind,
        request_id=letter.request_id,
        outcome=letter.outcome,
        action=letter.action,
        target=letter.target,
        code=letter.code,
        detail=letter.detail,
    )
