"""What the aggregator counts."""

from typing import Final

from prometheus_client import Counter, Gauge

RESULTS_RECORDED: Final = Counter(
    "pixelmill_results_recorded", "Results taken from `images.processed`, one an image; a replay counts again"
)
REQUESTS_ENDED: Final = Counter("pixelmill_requests_ended", "Requests that were assembled, by state", ["state"])
WATCHDOG_HOLDS: Final = Gauge("pixelmill_watchdog_holds", "1 in the process whose watchdog is at work, else 0")
WATCHDOG_ACTIONS: Final = Counter(
    "pixelmill_watchdog_actions",
    "What the watchdog did, by kind: `accepted`, `released`, `completed`, `deadline`, `republished`, `failed`",
    ["kind"],
)
REQUESTS_STUCK: Final = Gauge(
    "pixelmill_requests_stuck", "Requests that ended a while ago and whose completion is not published (1000 at most)"
)
REQUESTS_DAMAGED: Final = Counter(
    "pixelmill_damaged_requests", "Times that work was passed over since a file of its request is damaged or lost"
)
DEAD_LETTERS: Final = Counter(
    "pixelmill_dead_letters", "Dead letters that were recorded, by kind and code", ["kind", "code"]
)
