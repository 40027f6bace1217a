"""Stand-ins for the notifier's ports, and facts to feed it with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from services.notifier.courier import Answer
from services.notifier.domain.delivery import Attempt, Delivery, DeliveryId, DeliveryState, state_after
from services.notifier.domain.history import NumberedAttempt, RecordedDelivery
from services.notifier.domain.signature import WebhookSecret
from shared.events import RequestCompleted
from shared.ids import RequestId
from shared.kafka.records import Received, Trigger

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REQUEST = RequestId("8d3f0b51-5d0c-4f3e-9f5a-0c4b7a1f2e11")
URL = "https://shop.example/hooks/pixelmill?token=hidden"
SECRET_TEXT = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRET = WebhookSecret.parse(SECRET_TEXT)


def completed(request_id: RequestId = REQUEST) -> RequestCompleted:
    return RequestCompleted.model_validate(
        {
            "request_id": request_id,
            "owner": "local",
            "state": "completed",
            "retry_of": None,
            "images": {"total": 3, "succeeded": 2, "failed": 1, "not_attempted": 0},
            "failures_by_code": {"http_404": 1},
            "bytes": {"in": 1000, "out": 250, "saved_percent": 75.0},
            "output": {"url": "https://x.example/output.csv", "bucket": "b", "key": "k", "sha256": "00"},
            "failures": None,
            "submitted_at": NOON,
            "started_at": NOON,
            "completed_at": NOON,
            "metadata": {"order": "Ø 17"},
        }
    )


def received(request_id: RequestId = REQUEST, *, offset: int = 7) -> Received[RequestCompleted]:
    return Received(completed(request_id), Trigger("requests.completed.v1", 1, offset))


@dataclass
class KnownCallbacks:
    urls: Mapping[RequestId, str | None] = field(default_factory=lambda: {REQUEST: URL})

    async def url_for(self, request_id: RequestId) -> str | None:
        return self.urls.get(request_id)

    async def knows(self, request_id: RequestId) -> bool:
        return request_id in self.urls


@dataclass
class DeliveriesInMemory:
    """Deliveries and attempts, as Postgres keeps them."""

    kept: dict[DeliveryId, Delivery] = field(default_factory=dict)
    attempts: dict[DeliveryId, list[Attempt]] = field(default_factory=dict)

    async def owe(self, delivery: Delivery) -> Delivery:
        return self.kept.setdefault(delivery.delivery_id, delivery)

    async def forget(self, request_id: RequestId) -> None:
        self.kept = {name: one for name, one in self.kept.items() if one.request_id != request_id}

    async def record(self, delivery_id: DeliveryId, attempt: Attempt) -> DeliveryState:
        if delivery_id not in self.kept:
            return state_after("pending", attempt)
        before = self.kept[delivery_id]
        self.attempts.setdefault(delivery_id, []).append(attempt)
        self.kept[delivery_id] = replace(before, state=state_after(before.state, attempt))
        return self.kept[delivery_id].state

    async def find(self, delivery_id: DeliveryId) -> RecordedDelivery | None:
        return self._recorded(self.kept[delivery_id]) if delivery_id in self.kept else None

    async def of_request(self, request_id: RequestId) -> Sequence[RecordedDelivery]:
        return [self._recorded(one) for one in self.kept.values() if one.request_id == request_id]

    def _recorded(self, delivery: Delivery) -> RecordedDelivery:
        attempts = enumerate(self.attempts.get(delivery.delivery_id, []), start=1)
        numbered = tuple(NumberedAttempt(n, attempt) for n, attempt in attempts)
        return RecordedDelivery(delivery, NOON, NOON if delivery.state == "delivered" else None, numbered)


@dataclass(frozen=True)
class Posted:
    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass
class Receiver:
    """Answers each post with what comes next in `script`, and with 204 when that is used up."""

    script: list[Answer | Exception] = field(default_factory=list)
    posted: list[Posted] = field(default_factory=list)

    async def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.posted.append(Posted(url, body, headers))
        answer = self.script.pop(0) if self.script else Answer(204, b"")
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Clock:
    """Moves by a quarter of a second with each look."""

    elapsed: float = 0.0

    def seconds(self) -> float:
        self.elapsed += 0.25
        return self.elapsed
