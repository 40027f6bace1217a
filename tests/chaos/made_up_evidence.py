"""Evidence of a small run in which everything is right, for tests to spoil."""

import base64
import csv
import hashlib
import hmac
import io
import json
from collections.abc import Mapping
from typing import Any

from tests.chaos.catalogues import Assortment, Catalogue, Slot
from tests.chaos.checker.evidence import Call, Counts, DeadLetters, Evidence, Lag
from tests.chaos.checker.judgement import expected_counts
from tests.chaos.checker.output_rows import OUTPUT_COLUMNS
from tests.chaos.source_behaviour import kinds_that_settle

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
AGGREGATOR = "http://127.0.0.1:8082"
REQUESTS = ("6f0d7f0a-0000-4000-8000-000000000001", "6f0d7f0a-0000-4000-8000-000000000002")


def right_evidence(requests: tuple[str, ...] = REQUESTS) -> Evidence:
    """Everything as it has to be."""
    assortment = Assortment(6, ["http://127.0.0.1:9"], tuple(kinds_that_settle(with_retries=True)), 120)
    accepted = {request_id: assortment.catalogue(number) for number, request_id in enumerate(requests)}
    completions = [completion(request_id, catalogue) for request_id, catalogue in accepted.items()]
    return Evidence(
        accepted=accepted,
        completions=completions,
        statuses={request_id: status(catalogue) for request_id, catalogue in accepted.items()},
        outputs={request_id: output(request_id, catalogue) for request_id, catalogue in accepted.items()},
        recorded={request_id: expected_counts(catalogue) for request_id, catalogue in accepted.items()},
        deliveries={request_id: ["delivered"] for request_id in accepted},
        calls=[call(each) for each in completions],
        lags=[Lag("pixelmill.processor.images", "images.requested.bulk.v1", 0, 0)],
        dead_letters=DeadLetters(
            images=[
                (request_id, slot.url)
                for request_id, catalogue in accepted.items()
                for slot in catalogue.slots
                if slot.is_given_up
            ]
        ),
        pictures={
            key(request_id, index, slot): slot.shape
            for request_id, catalogue in accepted.items()
            for index, slot in enumerate(catalogue.slots)
            if slot.succeeds
        },
        webhook_secret=SECRET,
        aggregator_url=AGGREGATOR,
    )


def completion(request_id: str, catalogue: Catalogue) -> dict[str, Any]:
    """A completion that tells the truth."""
    return {
        "request_id": request_id,
        "state": "completed",
        "images": named(expected_counts(catalogue), "total"),
        "failures_by_code": dict(catalogue.failures),
    }


def status(catalogue: Catalogue) -> dict[str, Any]:
    """The status of a request that has ended."""
    return {
        "state": "completed",
        "progress": {"percent": 100.0, **named(expected_counts(catalogue), "images_total")},
        "failures": {"by_code": dict(catalogue.failures)},
    }


def named(counts: Counts, total: str) -> dict[str, int]:
    return {
        total: counts.total,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "not_attempted": counts.not_attempted,
    }


def output(request_id: str, catalogue: Catalogue) -> str:
    """The output that a catalogue has to become."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(OUTPUT_COLUMNS)
    index = 0
    for row in catalogue.rows:
        urls = []
        for slot in row.slots:
            urls.append(picture_url(request_id, index, slot) if slot.succeeds else slot.url.replace(",", "%2C"))
            index += 1
        writer.writerow([*row.record, ",".join(urls), ",".join(slot.status for slot in row.slots)])
    return out.getvalue()


def key(request_id: str, index: int, slot: Slot) -> str:
    return f"{request_id}/{index}/compressed.{slot.shape.extension}"


def picture_url(request_id: str, index: int, slot: Slot) -> str:
    return f"{AGGREGATOR}/v1/images/{key(request_id, index, slot)}?s=Zm9v-_{index}"


def call(data: Mapping[str, Any], *, name: str = "", told: str | None = None, answered: int = 204) -> Call:
    """A webhook that is rightly signed; `told` replaces its body."""
    body = (told or json.dumps({"type": "request.completed", "data": data})).encode()
    name = name or f"delivery-of-{data['request_id']}"
    signed = f"{name}.1700000000.".encode() + body
    digest = hmac.new(b"k" * 32, signed, hashlib.sha256).digest()
    headers = {
        "webhook-id": name,
        "webhook-timestamp": "1700000000",
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
    return Call(headers, body, answered)
