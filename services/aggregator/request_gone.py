"""What is done with an event of a request that was deleted or is damaged: a line in the log."""

import logging

from services.aggregator.known_requests import RequestGone
from shared.events import Event
from shared.kafka.records import Received

log = logging.getLogger(__name__)


def dropped(received: Received[Event], gone: RequestGone) -> None:
    """Say that an event was dropped: with its request nothing can be done."""
    event = received.event
    fields = {"event": event.TYPE, "request_id": event.request_id, "trigger": str(received.trigger)}
    log.warning("event without a request dropped", extra=fields | {"reason": gone.reason})
