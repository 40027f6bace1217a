"""What the notifier counts."""

from typing import Final

from prometheus_client import Counter

ATTEMPTS: Final = Counter("pixelmill_webhook_attempts", "Attempts at webhooks, by outcome", ["outcome"])
PUT_OFF: Final = Counter(
    "pixelmill_webhooks_put_off", "Times a webhook was put off since its endpoint had its hands full"
)
DAMAGED: Final = Counter(
    "pixelmill_webhooks_unreadable", "Completions without a webhook since their `request.json` is damaged"
)
DISABLED: Final = Counter("pixelmill_webhook_endpoints_disabled", "Endpoints that were disabled, by reason", ["reason"])
GIVEN_UP: Final = Counter(
    "pixelmill_webhooks_given_up", "Webhooks that became dead letters; a repeated step counts again"
)
