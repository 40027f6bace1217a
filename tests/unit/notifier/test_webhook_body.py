"""What a webhook says, and that it stays small whatever the request was."""

import json

import pytest

from services.ingest.domain.options import MAX_METADATA_BYTES
from services.notifier.domain.webhook_body import webhook_body
from shared.events import RequestCompleted
from shared.ids import RequestId
from shared.image_errors import IMAGE_ERROR_CODES
from tests.unit.notifier.fakes import REQUEST, completed

MOST_BYTES = 20_000
MOST = 2**31 - 1
URL = "https://" + "p" * 500 + ".example/v1/requests/8d3f0b51-5d0c-4f3e-9f5a-0c4b7a1f2e11/output.csv"
CSV = {"url": URL, "bucket": "b" * 63, "key": "k" * 200, "sha256": "0" * 64}
# What is written longer than it was read: the shortest spelling of the longest number.
NUMBERS = json.loads("[" + ",".join(["1e15"] * ((MAX_METADATA_BYTES - 6) // 5)) + "]")


def largest(metadata: dict[str, object]) -> RequestCompleted:
    return RequestCompleted.model_validate(
        completed().model_dump()
        | {
            "owner": "o" * 200,
            "retry_of": RequestId(REQUEST),
            "images": dict.fromkeys(("total", "succeeded", "failed", "not_attempted"), MOST),
            "failures_by_code": dict.fromkeys(sorted(IMAGE_ERROR_CODES), MOST),
            "bytes": {"in": 2**63, "out": 2**63, "saved_percent": 99.9},
            "output": CSV,
            "failures": CSV,
            "metadata": metadata,
        }
    )


@pytest.mark.checklist("N15")
@pytest.mark.parametrize(
    "metadata",
    [
        {"m": "a" * (MAX_METADATA_BYTES - 8)},
        {"m": "\N{PILE OF POO}" * ((MAX_METADATA_BYTES - 8) // 4)},
        {"m": '"' * ((MAX_METADATA_BYTES - 8) // 2)},
        {"m": "\x01" * ((MAX_METADATA_BYTES - 8) // 6)},
        {"m": NUMBERS},
    ],
    ids=["letters", "four bytes each", "quotes", "control characters", "numbers"],
)
def test_the_largest_body_stays_below_twenty_kilobytes(metadata: dict[str, object]) -> None:
    assert len(webhook_body(largest(metadata)).encode()) < MOST_BYTES


@pytest.mark.checklist("N15")
def test_a_body_names_its_kind_its_moment_the_request_its_counts_and_where_the_result_is() -> None:
    body = json.loads(webhook_body(completed()))
    assert body.keys() == {"type", "timestamp", "data"}
    assert (body["type"], body["timestamp"]) == ("request.completed", "2026-03-01T12:00:00.000Z")
    data = body["data"]
    assert (data["request_id"], data["state"]) == (REQUEST, "completed")
    assert data["images"] == {"total": 3, "succeeded": 2, "failed": 1, "not_attempted": 0}
    assert data["failures_by_code"] == {"http_404": 1}
    assert data["output"]["url"] == "https://x.example/output.csv"
