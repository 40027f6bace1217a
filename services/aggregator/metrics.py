"""What the aggregator counts."""

from typing import Final

from prometheus_client import Counter

RESULTS_RECORDED: Final = Counter(
    "pixelmill_results_recorded", "Results taken from `images.processed`, one an image; a replay counts again"
)
REQUESTS_ENDED: Final = Counter("pixelmill_requests_ended", "Requests that were assembled, by state", ["state"])
