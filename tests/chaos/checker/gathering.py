"""Collects the evidence of a run through the interfaces that users have."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from tests.chaos.catalogues import Catalogue
from tests.chaos.checker.evidence import Call, Evidence, Lag
from tests.chaos.checker.kafka_reading import KafkaReading
from tests.chaos.checker.output_rows import Output
from tests.chaos.checker.postgres_reading import Rows, read_rows
from tests.chaos.checker.s3_reading import S3Reading
from tests.chaos.source_pictures import Shape

STEP_SECONDS: Final = 1.0
OK: Final = 200


@dataclass(frozen=True)
class Ended:
    """A run that was left alone long enough. `calls` gives what the webhook receiver has by now."""

    settings: Mapping[str, str]
    accepted: Mapping[str, Catalogue]
    unanswered: Sequence[int]
    calls: Callable[[], Sequence[Call]]
    settle_seconds: float
    """How long webhooks and offsets may still take."""


def gathered(run: Ended) -> Evidence:
    """Everything there is to judge the run by."""
    kafka = KafkaReading(run.settings["KAFKA_BOOTSTRAP_SERVERS"])
    rows, lags = _settled(run, kafka)
    aggregator_url = run.settings["AGGREGATOR_PUBLIC_URL"]
    outputs = _of_each(run.accepted, aggregator_url, "/output.csv", lambda answer: answer.text)
    keys = {
        key: shape
        for request_id, text in outputs.items()
        for key, shape in Output(request_id, run.accepted[request_id], text, aggregator_url).keys().items()
    }
    return Evidence(
        accepted=run.accepted,
        completions=kafka.completions(),
        statuses=_of_each(run.accepted, aggregator_url, "", _json_of),
        outputs=outputs,
        recorded=rows.results,
        deliveries=rows.deliveries,
        calls=run.calls(),
        lags=lags,
        dead_letters=kafka.dead_letters(),
        pictures=S3Reading(run.settings).pictures(keys),
        webhook_secret=run.settings["WEBHOOK_SECRET"],
        aggregator_url=aggregator_url,
        unanswered=run.unanswered,
    )


def _settled(run: Ended, kafka: KafkaReading) -> tuple[Rows, list[Lag]]:
    """Rows and lags once nothing is owed any more, or as they are when the time is over."""
    deadline = time.monotonic() + run.settle_seconds
    while True:
        rows = asyncio.run(read_rows(run.settings["DATABASE_URL"]))
        owed = [request_id for request_id in run.accepted if "delivered" not in rows.deliveries.get(request_id, ())]
        lags = kafka.lags() if not owed or time.monotonic() > deadline else []
        if (not owed and not any(lag.records for lag in lags)) or time.monotonic() > deadline:
            return rows, lags
        time.sleep(STEP_SECONDS)


def _of_each(
    request_ids: Mapping[str, object], base: str, path: str, reading: Callable[[httpx2.Response], Any]
) -> dict[str, Any]:
    """An answer for each request that gives one."""
    found = {}
    with httpx2.Client(trust_env=False, timeout=60) as http:
        for request_id in request_ids:
            answer = http.get(f"{base}/v1/requests/{request_id}{path}")
            if answer.status_code == OK:
                found[request_id] = reading(answer)
    return found


def _json_of(answer: httpx2.Response) -> Any:
    return answer.json()


def all_shapes(evidence: Evidence) -> int:
    """How many objects were decoded."""
    return sum(isinstance(found, Shape) for found in evidence.pictures.values())
