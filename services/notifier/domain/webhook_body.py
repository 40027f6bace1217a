"""The body of a webhook: what happened, when, and the completion event as it stands on Kafka."""

import json
from typing import Final

from shared.events import RequestCompleted, rfc3339

WEBHOOK_TYPE: Final = "request.completed"


def webhook_body(event: RequestCompleted) -> str:
    """The JSON text that is signed and sent; equal events give equal text, whenever it is made."""
    body = {
        "type": WEBHOOK_TYPE,
        "timestamp": rfc3339(event.completed_at),
        "data": event.model_dump(mode="json"),
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
