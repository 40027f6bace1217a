"""Ingest in the small world: a submission from the first byte to its announcement, the sweeper, the planner."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from services.ingest.acceptance import Accepted
from services.ingest.adapters.postgres_requests import PostgresRequests
from services.ingest.adapters.postgres_uploads import PostgresUploads
from services.ingest.adapters.s3_requests import S3Requests
from services.ingest.announcements import BackgroundAnnouncements
from services.ingest.csv_upload import Submitter
from services.ingest.delete_request import DeleteRequest
from services.ingest.domain.csv_intake import IntakeTerms
from services.ingest.domain.csv_rules import CsvRules
from services.ingest.known_requests import KnownRequests
from services.ingest.on_chunk_advanced import OnChunkAdvanced
from services.ingest.on_request_accepted import OnRequestAccepted
from services.ingest.on_request_completed import OnRequestCompleted
from services.ingest.release_chunks import ReleaseChunks
from services.ingest.submit_csv import SubmitCsv, Terms
from services.ingest.sweeper import BATCH, Sweeper
from services.ingest.url_judge import url_judge
from shared.events import ChunkAdvanced, ChunkCompleted, RequestAccepted, RequestCompleted
from shared.ids import LOCAL_OWNER, RequestId
from shared.kafka.dispatch import Handlers
from shared.request_files import RequestFile
from tests.faults.life import Life
from tests.unit.ingest.fakes import LIMITS, RECIPES, BodyOf

if TYPE_CHECKING:
    from tests.faults.world import World

BUCKET: Final = "requests"
IMAGES_BUCKET: Final = "images"
UPLOAD_SECONDS: Final = 60
TERMS: Final = Terms(
    intake=IntakeTerms(CsvRules(), LIMITS.chunk_size, LIMITS.max_images, url_judge(()), None),
    limits=LIMITS,
    recipes=RECIPES,
    upload_timeout=timedelta(seconds=UPLOAD_SECONDS),
    uploads_at_once=1,
)
# By then an upload that died is nobody's any more, and its announcement is overdue.
LATER: Final = timedelta(hours=1)


async def submission(world: "World", life: Life, csv: str, *, key: str | None = None) -> RequestFile:
    """Submit a CSV; return when its announcement has been tried."""
    return await _submission(world, life, csv, key=key, at=_now())


async def later_submission(world: "World", csv: str, *, key: str) -> RequestFile:
    """Submit it again once the upload before has expired."""
    return await _submission(world, Life(), csv, key=key, at=_now() + LATER)


async def _submission(world: "World", life: Life, csv: str, *, key: str | None, at: datetime) -> RequestFile:
    requests = life.bound(PostgresRequests(world.database))
    announcements = BackgroundAnnouncements(life.bound(world.facts), requests, now=lambda: at)
    submit = SubmitCsv(
        life.bound(PostgresUploads(world.database)),
        _objects(world, life),
        announcements,
        terms=TERMS,
        now=lambda: at,
        new_id=lambda: RequestId(str(uuid4())),
    )
    accepted = await submit(BodyOf(csv.encode()), Submitter(LOCAL_OWNER, key))
    await announcements.close()
    assert isinstance(accepted, Accepted)
    return accepted.request


async def sweep(world: "World", life: Life | None = None) -> None:
    """Finish all that crashes left undone, as if much later."""
    life = life or Life()
    requests, facts = life.bound(PostgresRequests(world.database)), life.bound(world.facts)
    objects = _objects(world, life)
    later = _now() + LATER
    sweeper = Sweeper(
        requests,
        facts,
        cancellations=requests,
        uploads=life.bound(PostgresUploads(world.database)),
        deletions=requests,
        delete=DeleteRequest(requests, objects, facts, now=lambda: later),
        objects=objects,
        pause_seconds=1,
        now=lambda: later,
    )
    for finish in (sweeper.announce, sweeper.remove_abandoned, sweeper.finish_deletions, sweeper.remove_again):
        while await finish() == BATCH:
            pass


async def delete(world: "World", request: RequestFile, *, life: Life | None = None) -> None:
    """Delete a request that has ended."""
    life = life or Life()
    requests = life.bound(PostgresRequests(world.database))
    deletion = DeleteRequest(requests, _objects(world, life), life.bound(world.facts), now=_now)
    assert await deletion(request.request_id, request.owner) == "marked"


def planner_handlers(world: "World", life: Life) -> Handlers:
    """The planner's handlers, as its process wires them."""
    requests, objects = life.bound(PostgresRequests(world.database)), _objects(world, Life())
    known = KnownRequests(requests, objects)
    release = ReleaseChunks(requests, objects, life.bound(world.facts))
    on_chunk_advanced = OnChunkAdvanced(known, release)
    return {
        RequestAccepted: OnRequestAccepted(known, release),
        ChunkAdvanced: on_chunk_advanced,
        ChunkCompleted: on_chunk_advanced,
        RequestCompleted: OnRequestCompleted(known, requests),
    }


def _objects(world: "World", life: Life) -> S3Requests:
    return S3Requests(life.bound(world.objects), BUCKET, images_bucket=IMAGES_BUCKET)


def _now() -> datetime:
    return datetime.now(UTC)
