"""What a run left behind, as it was read from outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.chaos.catalogues import Catalogue
from tests.chaos.source_pictures import Shape


class Counts(NamedTuple):
    """How many images of a request became what."""

    total: int
    succeeded: int
    failed: int
    not_attempted: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the webhook receiver, with the status that it was answered."""

    headers: Mapping[str, str]
    body: bytes
    status: int


@dataclass(frozen=True, slots=True)
class Lag:
    """Records of one partition that a group has not committed; none is no lag."""

    group: str
    topic: str
    partition: int
    records: int


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """What was given up: images by request and URL, and how many webhooks and records that nobody could read."""

    images: Sequence[tuple[str, str]] = ()
    webhooks: int = 0
    undecodable: int = 0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object that is missing or is no picture, and why."""

    reason: str


@dataclass(frozen=True)
class Evidence:
    """All of it, by request where it belongs to one. `accepted` are the requests for which there was a 202."""

    accepted: Mapping[str, Catalogue]
    completions: Sequence[Mapping[str, Any]]
    statuses: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, str]
    recorded: Mapping[str, Counts]
    """Rows of results in Postgres."""
    deliveries: Mapping[str, Sequence[str]]
    """States of the deliveries in Postgres."""
    calls: Sequence[Call]
    lags: Sequence[Lag]
    dead_letters: DeadLetters
    pictures: Mapping[str, Shape | Unreadable]
    """What lies in S3 under the keys that the outputs name."""
    webhook_secret: str
    aggregator_url: str
    unanswered: Sequence[int] = field(default=())
    """Catalogues whose submission never brought an answer."""


class Finding(NamedTuple):
    """Something that is wrong."""

    kind: str
    words: str
