"""Stand-ins for the notifier's ports, and facts to feed it with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from services.notifier.courier import Answer
from services.notifier.domain.signature import WebhookSecret
from services.notifier.endpoint_places import EndpointPlaces
from shared.events import DeliveryDue, Event, RequestCompleted
from shared.ids import LOCAL_OWNER, Owner, RequestId
from shared.kafka.records import Received, Trigger
from shared.kafka.retry_tiers import Reason
from shared.suspension import Mark

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REQUEST = RequestId("8d3f0b51-5d0c-4f3e-9f5a-0c4b7a1f2e11")
URL = "https://shop.example/hooks/pixelmill?token=hidden"
SECRET_TEXT = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRET = WebhookSecret.parse(SECRET_TEXT)
MASTER_KEY = "a key of at least 32 characters, for tests"


def completed(request_id: RequestId = REQUEST, owner: Owner = LOCAL_OWNER) -> RequestCompleted:
    return RequestCompleted.model_validate(
        {
            "request_id": request_id,
            "owner": owner,
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


def received(
    request_id: RequestId = REQUEST, *, owner: Owner = LOCAL_OWNER, offset: int = 7
) -> Received[RequestCompleted]:
    return Received(completed(request_id, owner), Trigger("requests.completed.v1", 1, offset))


@dataclass
class KnownCallbacks:
    urls: Mapping[RequestId, str | None] = field(default_factory=lambda: {REQUEST: URL})

    async def url_for(self, request_id: RequestId) -> str | None:
        return self.urls.get(request_id)

    async def is_of(self, owner: Owner, request_id: RequestId) -> bool:
        return owner == LOCAL_OWNER and request_id in self.urls


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


@dataclass
class CalmProcess:
    """A process that stood still, or did not, as the test says."""

    stood_still: bool = False

    def mark(self) -> Mark:
        return Mark(0)

    def stood_still_since(self, _mark: Mark) -> bool:
        return self.stood_still


@dataclass(frozen=True)
class Scheduled:
    event: DeliveryDue
    made: int
    after: timedelta
    reason: str | None


@dataclass
class LaterInMemory:
    """What was put into the retry tiers, and what was given up."""

    scheduled: list[Scheduled] = field(default_factory=list)
    given_up: list[tuple[DeliveryDue, str]] = field(default_factory=list)

    async def schedule(
        self, event: Event, received: Received[Event], reason: Reason | None, *, made: int, after: timedelta
    ) -> None:
        assert isinstance(event, DeliveryDue)
        self.scheduled.append(Scheduled(event, made, after, reason.code if reason else None))

    async def give_up(
        self, received: Received[Event], reason: Reason, *, made: int, event: Event | None = None
    ) -> None:
        assert isinstance(event, DeliveryDue)
        self.given_up.append((event, reason.code))


def places(in_all: int = 32, per_endpoint: int = 4) -> EndpointPlaces:
    return EndpointPlaces(in_all=in_all, per_endpoint=per_endpoint, waiting_seconds=0.05)
