"""Whether a delivery may be posted, and what signs it then."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.notifier.domain.delivery import Delivery
from services.notifier.domain.endpoint_health import EndpointId, endpoint_id
from services.notifier.domain.progress import ENDPOINT_DISABLED, NO_WEBHOOK_SECRET
from services.notifier.domain.signature import WebhookSecret
from shared.errors import Permanent, Transient
from shared.ids import Owner


class Endpoints(Protocol):
    async def is_disabled(self, name: EndpointId) -> bool: ...


class Secrets(Protocol):
    async def signing(self, owner: Owner, at: datetime) -> Sequence[WebhookSecret]:
        """The secrets that sign at a moment, newest first."""
        ...


class Clearance:
    """Nothing goes to an endpoint that is disabled, and nothing goes unsigned or signed with somebody else's secret."""

    def __init__(self, endpoints: Endpoints, secrets: Secrets) -> None:
        self._endpoints = endpoints
        self._secrets = secrets

    async def secrets(self, delivery: Delivery, *, at: datetime) -> Sequence[WebhookSecret]:
        """The secrets that sign it, newest first; `Permanent` or `Transient` when it may not be posted."""
        name = endpoint_id(delivery.owner, delivery.url)
        if await self._endpoints.is_disabled(name):
            message = f"The endpoint is disabled. Enable it with POST /v1/webhook-endpoints/{name}/enable."
            raise Permanent(ENDPOINT_DISABLED, message)
        secrets = await self._secrets.signing(delivery.owner, at)
        if not secrets:
            message = "There is no secret to sign it with. Make one with POST /v1/webhook-secrets."
            raise Transient(NO_WEBHOOK_SECRET, message)
        return secrets
