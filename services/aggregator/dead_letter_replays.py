"""How a dead letter of each kind is replayed: an image as a retry request, a delivery again, a record to its topic."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final, Protocol, cast
from uuid import UUID, uuid5

from pydantic import ValidationError

from services.aggregator.domain.dead_letter import DEAD_LETTER_TOPICS, DeadLetter, DeadLetterKind
from services.aggregator.domain.dead_letter_replay import Refusal
from services.aggregator.replay_dead_letters import Letters, Prepared, Replay
from shared.events import DeliveryDue, Event, RetryRequested
from shared.ids import RequestId
from shared.kafka.cloudevents import Encoded, Headers, encode
from shared.kafka.dead_letters import REPLAYED_FROM
from shared.topics import REQUESTS_PROGRESS, TOPICS, WEBHOOKS_RETRY, Topic
from shared.trace_context import current_traceparent

# The notifier begins its schedule anew with what comes from its first tier.
_FIRST_TIER: Final = WEBHOOKS_RETRY[0]
_RETRIES: Final = UUID("3f0d7a52-86c4-5b1e-a9d7-2c4e6b8f1035")


class Records(Protocol):
    """Where replays go. Both return when the record is acknowledged and raise `DependencyAway`."""

    async def publish(self, topic: Topic, *events: Event) -> None: ...

    async def append(self, topic: Topic, record: Encoded) -> None: ...


def replays(
    records: Records, topics: Mapping[str, Topic], *, source: str, now: Callable[[], datetime]
) -> Mapping[DeadLetterKind, Replay]:
    """One for each kind. `topics` are those that a record may go back to, by their names on the cluster."""
    return {
        "image": ImageReplay(records),
        "delivery": DeliveryReplay(records, source=source, now=now),
        "undecodable": UndecodableReplay(records, topics),
    }


class ImageReplay:
    """What failed of the letter's request is tried again, as a new request that ingest makes."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def prepared(self, letter: DeadLetter, letters: Letters) -> Prepared | Refusal:
        if letter.request_id is None:
            return Refusal("unreadable", "The record names no request. It was not written by a processor.")
        request = await letters.request(letter.request_id)
        if request is None:
            return Refusal("request_gone", "The request was deleted. Submit its CSV again.")
        if not request.has_ended:
            return Refusal("request_not_ended", "The request still runs. Replay the letter when it has ended.")
        event = RetryRequested(
            request_id=letter.request_id,
            owner=request.owner,
            retry_id=retry_id(letter.request_id, letter.replays),
            reason=f"dead letter {letter.id} was replayed",
        )
        return Prepared("retry_request", letter.request_id, partial(self._records.publish, REQUESTS_PROGRESS, event))


class DeliveryReplay:
    """The delivery begins its schedule anew, if it was given up."""

    def __init__(self, records: Records, *, source: str, now: Callable[[], datetime]) -> None:
        self._records = records
        self._source = source
        self._now = now

    async def prepared(self, letter: DeadLetter, _letters: Letters) -> Prepared | Refusal:
        try:
            given_up = DeliveryDue.model_validate_json(letter.value)
        except ValidationError:
            return Refusal("unreadable", "The record names no delivery. It was not written by the notifier.")
        due = DeliveryDue(
            request_id=given_up.request_id, owner=given_up.owner, delivery_id=given_up.delivery_id, attempt=0
        )
        encoded = encode(due, source=self._source, now=self._now(), traceparent=current_traceparent())
        record = replace(encoded, headers=(*encoded.headers, _replayed_from(letter)))
        return Prepared("deliver_again", due.delivery_id, partial(self._records.append, _FIRST_TIER, record))


class UndecodableReplay:
    """The record goes back to its topic as it was: for readers that can read it by now."""

    def __init__(self, records: Records, topics: Mapping[str, Topic]) -> None:
        self._records = records
        self._topics = topics

    async def prepared(self, letter: DeadLetter, letters: Letters) -> Prepared | Refusal:
        topic = self._topics.get(letter.origin.topic) if letter.origin else None
        if topic is None:
            return Refusal("unknown_topic", "The record does not come from a topic of Pixelmill.")
        if letter.lacks is not None:
            return Refusal("cut", f"The letter does not hold all of the record: {letter.lacks} bytes were too many.")
        whole = letter if letter.is_whole else await letters.whole(letter.id)
        if whole is None:
            return Refusal("unknown_letter", "The letter was removed a moment ago.")
        # That a header may have no value is what the client's types leave out.
        headers = cast(Headers, tuple(header for header in whole.headers if header[0] != REPLAYED_FROM))
        record = Encoded(whole.key, whole.value, (*headers, _replayed_from(letter)))
        return Prepared("append_again", topic.name, partial(self._records.append, topic, record))


def topics_to_return_to(name_of: Callable[[Topic], str]) -> Mapping[str, Topic]:
    """Our topics by their names on the cluster, without those of dead letters."""
    return {name_of(topic): topic for topic in TOPICS if topic not in DEAD_LETTER_TOPICS.values()}


def retry_id(request_id: RequestId, replays: int) -> RequestId:
    """The name of the retry that comes after so many others: a replay that was not marked asks for the same again."""
    return RequestId(str(uuid5(_RETRIES, f"{request_id}:{replays}")))


def _replayed_from(letter: DeadLetter) -> tuple[str, bytes]:
    return (REPLAYED_FROM, letter.id.place.encode())
