"""What is done with an event of a request that was deleted: a line in the log."""

import logging

from shared.events import Event
from shared.kafka.records import Received

log = logging.getLogger(__name__)


def dropped(received: Received[Event]) -> None:
    """Say that an event was dropped: its request has neither row nor `request.json`, so nobody waits for it."""
    fields = {"event": received.event.TYPE, "request_id": received.event.request_id, "trigger": str(received.trigger)}
    log.warning("event of a deleted request dropped", extra=fields)
