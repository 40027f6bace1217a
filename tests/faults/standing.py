"""Everything that users and operators can find out about a request, without what differs from run to run."""

from typing import Any, Final

from shared import object_keys
from shared.events import RequestCompleted
from shared.ids import RequestId
from shared.topics import REQUESTS_COMPLETED
from tests.faults.ingest import BUCKET
from tests.faults.world import World

QUERIES: Final = {
    "request": """SELECT end_state, succeeded, failed, not_attempted, bytes_in, bytes_out, failures_by_code::text,
                         failures_by_host::text, assembled_at IS NOT NULL AS assembled,
                         published_at IS NOT NULL AS published, completed_at IS NOT NULL AS completed
                  FROM aggregator.requests WHERE request_id::text = $1""",
    "results": """SELECT index, outcome, error_code, renditions::text FROM aggregator.results
                  WHERE request_id::text = $1 ORDER BY index""",
    "images": """SELECT index, row, line, slot, source_url FROM aggregator.images
                 WHERE request_id::text = $1 ORDER BY index""",
    "chunks": """SELECT chunk, succeeded, failed, bytes_out FROM aggregator.recorded_chunks
                 WHERE request_id::text = $1 ORDER BY chunk""",
    "released": "SELECT chunk FROM ingest.released_chunks WHERE request_id = $1 ORDER BY chunk",
    "accepted": """SELECT ended_at IS NOT NULL AS ended, announced_at IS NOT NULL AS announced
                   FROM ingest.requests WHERE request_id = $1""",
}


async def standing(world: World, request_id: RequestId) -> dict[str, Any]:
    """What Postgres, object storage and the topic of completions say; `ID` stands for the request's id.

    How often a completion was published is not told here.
    """
    found: dict[str, Any] = {}
    async with world.database.connection() as connection:
        for name, sql in QUERIES.items():
            rows = await connection.fetch(sql, request_id)
            found[name] = [_anonymous(request_id, tuple(row)) for row in rows]
    found["completed"] = sorted({_anonymous(request_id, _told(event)) for event in completions(world, request_id)})
    found["csvs"] = [
        world.objects.objects.get((BUCKET, key), b"").decode().replace(request_id, "ID")
        for key in (object_keys.output_csv(request_id), object_keys.failures_csv(request_id))
    ]
    return found


def completions(world: World, request_id: RequestId) -> list[RequestCompleted]:
    """The completions of a request."""
    events = world.events(REQUESTS_COMPLETED)
    return [event for event in events if isinstance(event, RequestCompleted) and event.request_id == request_id]


def _told(event: RequestCompleted) -> str:
    """The CSVs' checksums follow from the id that stands in their URLs."""
    return event.model_dump_json(
        exclude={"submitted_at": True, "started_at": True, "completed_at": True,
                 "output": {"sha256"}, "failures": {"sha256"}}
    )  # fmt: skip


def _anonymous(request_id: RequestId, found: object) -> str:
    return str(found).replace(request_id, "ID")
