"""A webhook that is owed, and what became of each try at it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NewType
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from services.notifier.domain.webhook_body import WEBHOOK_TYPE, webhook_body
from shared.events import RequestCompleted
from shared.ids import Owner, RequestId
from shared.topics import REQUESTS_COMPLETED

DeliveryId = NewType("DeliveryId", str)
DeliveryState = Literal["pending", "delivered", "failed"]
TriggerKind = Literal["completion", "retry", "manual"]

MANUAL: Final = "manual"
"""The trigger of an attempt that a person asked for."""

_NAMESPACE: Final = UUID("0d6a2f8c-5c3e-5b57-8f0e-3a4f2d1b9c60")
_SUCCESS: Final = range(200, 300)
_ASKS_TO_WAIT: Final = frozenset({429, 503})
_PORTS: Final = {"http": 80, "https": 443}


def delivery_id(request_id: RequestId, url: str) -> DeliveryId:
    """Name a delivery by what is owed to whom, so that a repeated event owes nothing new."""
    return DeliveryId(str(uuid5(_NAMESPACE, f"{request_id}|{url}")))


def trigger_kind(trigger: str) -> TriggerKind:
    """What caused an attempt, without the place of its record, which is no owner's concern."""
    if trigger == MANUAL:
        return "manual"
    topic, _, _ = trigger.partition("/")
    # A deployment may have a prefix before its topics.
    return "completion" if topic.endswith(REQUESTS_COMPLETED.name) else "retry"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One body owed to one URL. `delivery_id` is the `webhook-id` of every attempt."""

    delivery_id: DeliveryId
    request_id: RequestId
    owner: Owner
    type: str
    url: str
    body: str

    @property
    def endpoint(self) -> str:
        """Scheme, host and port: what is slow or dead is so for all URLs of it."""
        try:
            parts = urlsplit(self.url)
            # A name with a dot at its end is the same name.
            host = (parts.hostname or "").removesuffix(".")
            return f"{parts.scheme}://{host}:{parts.port or _PORTS.get(parts.scheme)}"
        except ValueError:
            return ""

    @property
    def host(self) -> str:
        """The host of the URL, which alone is shown: the rest may hold a token."""
        return host_of(self.url)


def host_of(url: str) -> str:
    """The host of a URL; nothing when it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def delivery_owed(event: RequestCompleted, url: str) -> Delivery:
    """The delivery that the end of a request owes to its callback URL."""
    return Delivery(
        delivery_id(event.request_id, url), event.request_id, event.owner, WEBHOOK_TYPE, url, webhook_body(event)
    )


@dataclass(frozen=True, slots=True)
class AttemptError:
    """Why an attempt brought no success; `message` is safe to show to the owner of the request."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a delivery. `status` is the HTTP status, if there was an answer; `response` its first kilobyte."""

    at: datetime
    trigger: str
    duration_ms: int
    status: int | None
    response: str | None
    error: AttemptError | None

    @property
    def succeeded(self) -> bool:
        return self.error is None


def refusal(status: int) -> AttemptError | None:
    """What an answer means: only 2xx is success, and a redirect is not followed."""
    if status in _SUCCESS:
        return None
    return AttemptError(f"http_{status}", f"The receiver answered {status}; only 2xx counts as delivered.")


def asks_to_wait(status: int) -> bool:
    """Whether a `Retry-After` beside this status asks for patience."""
    return status in _ASKS_TO_WAIT
