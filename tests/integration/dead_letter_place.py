"""Dead letters on the real stack: those who give up, and the operator who looks."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2

from services.aggregator.adapters.postgres_requests import PostgresRequests
from shared.errors import Permanent
from shared.events import DeliveryDue, Event, ImageRequested
from shared.ids import LOCAL_OWNER, RequestId
from shared.kafka.cloudevents import Headers
from shared.kafka.records import Received, Record, Trigger
from shared.kafka.retry_tiers import RetryTiers
from shared.topics import (
    IMAGES_DLT,
    IMAGES_REQUESTED_BULK,
    IMAGES_RETRY,
    REQUESTS_PROGRESS,
    WEBHOOKS_DLT,
    WEBHOOKS_RETRY,
    Topic,
)
from tests.integration.aggregator_place import Place, Request, Worker
from tests.plain_http import plain_http
from tests.recipes import default_recipe
from tests.waiting import until

GONE = Permanent("http_404", "The source answered 404.")
REFUSED = Permanent("http_500", "The receiver answered 500.")
STRANGE_HEADERS: Headers = (("attempt", b"1"), ("\0 name", b"\xff\0"), ("origin-topic", b"elsewhere"), ("again", b"1"),
                            ("again", b"2"))  # fmt: skip


def now() -> datetime:
    return datetime.now(UTC)


def image(request_id: RequestId, index: int) -> ImageRequested:
    return ImageRequested(
        request_id=request_id, owner=LOCAL_OWNER, chunk=0, chunk_images=10, chunks_total=1, window=4,
        indexes=(index,), url=f"http://shop.example/{index}.jpg", recipe=default_recipe(),
    )  # fmt: skip


class Operator:
    """Looks at dead letters over HTTP, and has them replayed."""

    def __init__(self, place: Place, worker: Worker) -> None:
        self.place = place
        self._url = f"{worker.url}/v1/dead-letters"

    async def listed(self, **wanted: object) -> dict[str, Any]:
        answer = await self.ask("GET", "", params={name: str(value) for name, value in wanted.items()})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def sees(self, count: int, **wanted: object) -> list[dict[str, Any]]:
        """The letters that fit, once there are as many."""

        async def there() -> object:
            items = (await self.listed(**wanted))["items"]
            return items if len(items) == count else None

        found = await until(there, seconds=60, what=f"{count} dead letters are shown")
        assert isinstance(found, list)
        return found

    async def replay(self, **order: object) -> dict[str, Any]:
        answer = await self.ask("POST", "/replay", json=order)
        assert answer.status_code == 200, answer.text
        became: dict[str, Any] = answer.json()
        return became

    async def outcomes(self, **order: object) -> list[str]:
        return [item["outcome"] for item in (await self.replay(**order))["items"]]

    async def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        async with plain_http(timeout=60) as client:
            return await client.request(method, self._url + path, **more)


async def give_up_images(place: Place, request_id: RequestId, *indexes: int) -> None:
    """What a processor does when an image has no more tries."""
    tiers = RetryTiers(IMAGES_RETRY, IMAGES_DLT, place.producer, source="pixelmill/processor", now=now)
    for index in indexes:
        await tiers.give_up(_received(place, image(request_id, index), IMAGES_REQUESTED_BULK, index), GONE, made=4)


async def give_up_delivery(place: Place, request_id: RequestId) -> str:
    """What the notifier does after the last attempt; the delivery's id."""
    tiers = RetryTiers(WEBHOOKS_RETRY, WEBHOOKS_DLT, place.producer, source="pixelmill/notifier", now=now)
    due = DeliveryDue(request_id=request_id, owner=LOCAL_OWNER, delivery_id=str(uuid4()), attempt=10)
    await tiers.give_up(_received(place, due, WEBHOOKS_RETRY[3], 7), REFUSED, made=10, event=due)
    return due.delivery_id


async def set_aside(place: Place, value: bytes) -> Record:
    """What every consumer does with a record that it cannot read."""
    topic = place.connection.topic(REQUESTS_PROGRESS)
    record = Record(topic, 0, 4711, b"\xfe key", value, STRANGE_HEADERS)
    await place.producer.dead_letter(record, reason="no CloudEvents 1.0 record")
    return record


async def end(place: Place, request: Request) -> None:
    """Let the request be as it is when everybody knows of its end."""
    await PostgresRequests(place.database).insert(request.file)
    ended = now() + timedelta(seconds=1)
    await place.execute(
        "UPDATE aggregator.requests SET end_state = 'completed', published_at = $2 WHERE request_id = $1",
        request.request_id,
        ended,
    )
    await place.execute("UPDATE ingest.requests SET ended_at = $2 WHERE request_id = $1", request.request_id, ended)


def _received(place: Place, event: Event, topic: Topic, offset: int) -> Received[Event]:
    trigger = Trigger(place.connection.topic(topic), 0, offset)
    record = Record(*trigger, key=event.key.encode(), value=event.model_dump_json().encode())
    return Received(event, trigger, {}, record)
