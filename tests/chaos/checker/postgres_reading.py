"""Postgres read from outside: what became of images, and what of deliveries."""

from collections import defaultdict
from dataclasses import dataclass

import asyncpg

from tests.chaos.checker.evidence import Counts

_RESULTS = """
SELECT request_id::text, count(*) AS total,
       count(*) FILTER (WHERE outcome = 'succeeded') AS succeeded,
       count(*) FILTER (WHERE outcome = 'failed') AS failed,
       count(*) FILTER (WHERE outcome = 'not_attempted') AS not_attempted
FROM aggregator.results GROUP BY request_id
"""
_DELIVERIES = "SELECT request_id::text, state FROM notifier.deliveries"


@dataclass(frozen=True, slots=True)
class Rows:
    """By request: its results, counted, and the states of its deliveries."""

    results: dict[str, Counts]
    deliveries: dict[str, list[str]]


async def read_rows(database_url: str) -> Rows:
    """What Postgres holds now."""
    connection = await asyncpg.connect(database_url)
    try:
        results = {row[0]: Counts(*row[1:]) for row in map(tuple, await connection.fetch(_RESULTS))}
        deliveries: dict[str, list[str]] = defaultdict(list)
        for request_id, state in map(tuple, await connection.fetch(_DELIVERIES)):
            deliveries[request_id].append(state)
        return Rows(results, dict(deliveries))
    finally:
        await connection.close()
