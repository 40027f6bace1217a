"""Says that an endpoint was disabled: operators learn it from here, owners from the API."""

import logging

from services.notifier.domain.delivery import host_of
from services.notifier.domain.endpoint_health import Endpoint
from services.notifier.metrics import DISABLED

log = logging.getLogger(__name__)


def tell_disabled(endpoint: Endpoint) -> None:
    """Count it and log it, once for each time."""
    reason = endpoint.health.reason
    DISABLED.labels(reason).inc()
    log.warning(
        "webhook endpoint disabled",
        extra={"endpoint_id": endpoint.endpoint_id, "host": host_of(endpoint.url), "reason": reason},
    )
