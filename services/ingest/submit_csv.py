"""A CSV becomes a request: received, stored, committed, announced. Until the commit nothing is accepted."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.ingest.acceptance import Acceptance, Accepted
from services.ingest.counted_body import CountedBody
from services.ingest.csv_upload import (
    Agreed,
    Announcements,
    KeyMismatch,
    Lease,
    Notes,
    Submitter,
    UploadBody,
    UploadLost,
    UploadObjects,
    Uploads,
)
from services.ingest.domain.csv_intake import CsvIntake, IntakeTerms
from services.ingest.domain.options import SubmitOptions
from services.ingest.domain.quotas import Usage
from services.ingest.domain.recipe_book import RecipeBook
from services.ingest.domain.request_terms import Limits, lane_of, request_file
from services.ingest.owner_places import OwnerPlaces
from services.ingest.receive_csv import ReceivedCsv, fingerprint_of, receive_csv
from shared.errors import DependencyAway
from shared.events import Lane
from shared.ids import RequestId

MAX_WARNINGS: Final = 100


class Terms(NamedTuple):
    """What holds for every submission of a deployment."""

    intake: IntakeTerms
    limits: Limits
    recipes: RecipeBook
    upload_timeout: timedelta
    uploads_at_once: int


class DryRun(NamedTuple):
    """What would have been accepted, or refused."""

    intake: CsvIntake
    lane: Lane
    valid: bool


class SubmitCsv:
    """Takes submissions. Safe to be called many times at once."""

    def __init__(
        self,
        uploads: Uploads,
        objects: UploadObjects,
        announcements: Announcements,
        *,
        terms: Terms,
        now: Callable[[], datetime],
        new_id: Callable[[], RequestId],
    ) -> None:
        self._acceptance = Acceptance(uploads, objects, announcements, timeout=terms.upload_timeout, now=now)
        self._objects = objects
        self._terms = terms
        self._now = now
        self._new_id = new_id
        self._places = OwnerPlaces(terms.uploads_at_once)

    async def __call__(self, body: UploadBody, submitter: Submitter) -> Accepted | DryRun:
        """Accept the CSV in `body`, or raise: `SubmissionRefused`, `DependencyAway`, or what the body raises."""
        with self._places.held(submitter):
            return await self._submit(CountedBody(body), submitter)

    async def _submit(self, body: CountedBody, submitter: Submitter) -> Accepted | DryRun:
        least = Usage(requests=1, rows=1, bytes=body.least_bytes())
        begun = await self._acceptance.begin(self._new_id(), submitter, least=least)
        if isinstance(begun, Agreed):
            return await self._replay(begun, body)
        try:
            outcome = await self._received(begun, body)
        except (DependencyAway, UploadLost):
            # Ours, not the submitter's.
            raise
        except Exception:
            await self._acceptance.count_received(submitter, body.received)
            raise
        if isinstance(outcome, DryRun):
            await self._acceptance.count_received(submitter, body.received)
        return outcome

    async def _received(self, begun: Lease, body: CountedBody) -> Accepted | DryRun:
        stored = await self._acceptance.stored(begun, self._store(begun, body))
        if isinstance(stored, DryRun):
            await self._acceptance.discard(begun)
            return stored
        return await self._acceptance.commit(stored, begun)

    async def _store(self, lease: Lease, body: CountedBody) -> Agreed | DryRun:
        received = await receive_csv(body, self._new_intake, objects=self._objects, request_id=lease.request_id)
        if received.options.dry_run:
            return _dry_run(received)
        request = request_file(
            lease.request_id,
            lease.submitter.owner,
            intake=received.intake,
            options=received.options,
            recipe=self._terms.recipes.recipe(received.options),
            limits=self._terms.limits,
            accepted_at=self._now(),
        )
        await self._objects.put_request(request)
        return Agreed(request, received.fingerprint, _notes(received.intake), body.received)

    async def _replay(self, earlier: Agreed, body: UploadBody) -> Accepted:
        if await self._acceptance.in_time(fingerprint_of(body)) != earlier.fingerprint:
            raise KeyMismatch
        return Accepted(earlier.request, earlier.notes, replayed=True)

    def _new_intake(self, options: SubmitOptions) -> CsvIntake:
        return CsvIntake(
            self._terms.intake,
            encoding=options.encoding,
            renditions=self._terms.recipes.rendition_names(options.recipe),
            count_distinct=options.dry_run,
        )


def _dry_run(received: ReceivedCsv) -> DryRun:
    intake, options = received.intake, received.options
    refused = intake.is_refused(keep=options.on_invalid == "keep")
    return DryRun(intake, lane_of(intake.chunks, options), valid=not refused)


def _notes(intake: CsvIntake) -> Notes:
    findings = intake.findings
    return Notes(tuple(findings.listed[:MAX_WARNINGS]), findings.total, intake.carried_over)
