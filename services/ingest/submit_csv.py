"""A CSV becomes a request: received, stored, committed, announced. Until the commit nothing is accepted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from services.ingest.csv_upload import (
    Agreed,
    Announcements,
    KeyMismatch,
    Notes,
    Submitter,
    TooManyUploads,
    Upload,
    UploadBody,
    UploadObjects,
    Uploads,
    UploadTooSlow,
)
from services.ingest.domain.csv_intake import CsvIntake, IntakeTerms
from services.ingest.domain.options import SubmitOptions
from services.ingest.domain.recipe_book import RecipeBook
from services.ingest.domain.request_terms import Limits, lane_of, request_file
from services.ingest.receive_csv import ReceivedCsv, fingerprint_of, receive_csv
from shared.errors import DependencyAway
from shared.events import Lane
from shared.ids import RequestId
from shared.request_files import RequestFile

T = TypeVar("T")

log = logging.getLogger(__name__)

# An upload is swept only when it can no longer be committed: its commit has this long after the upload's time.
COMMIT_GRACE: Final = timedelta(minutes=3)
MAX_WARNINGS: Final = 100


class Terms(NamedTuple):
    """What holds for every submission of a deployment."""

    intake: IntakeTerms
    limits: Limits
    recipes: RecipeBook
    upload_timeout: timedelta
    uploads_at_once: int


class Accepted(NamedTuple):
    """The request exists; `replayed` when it did before, under the same Idempotency-Key."""

    request: RequestFile
    notes: Notes
    replayed: bool


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
        self._uploads = uploads
        self._objects = objects
        self._announcements = announcements
        self._terms = terms
        self._now = now
        self._new_id = new_id
        self._receiving = 0

    async def __call__(self, body: UploadBody, submitter: Submitter) -> Accepted | DryRun:
        """Accept the CSV in `body`, or raise: `SubmissionRefused`, `DependencyAway`, or what the body raises."""
        if self._receiving >= self._terms.uploads_at_once:
            raise TooManyUploads
        self._receiving += 1
        try:
            return await self._submit(body, submitter)
        finally:
            self._receiving -= 1

    async def _submit(self, body: UploadBody, submitter: Submitter) -> Accepted | DryRun:
        now = self._now()
        upload = Upload(self._new_id(), submitter, now + self._terms.upload_timeout + COMMIT_GRACE)
        earlier = await self._uploads.begin(upload, now)
        if earlier is not None:
            return await self._replay(earlier, body)
        try:
            stored = await self._in_time(self._store(upload, body))
        except BaseException:
            await self._clean_up(upload.request_id)
            raise
        if isinstance(stored, DryRun):
            await self._clean_up(upload.request_id)
            return stored
        return await self._commit(stored, submitter)

    async def _store(self, upload: Upload, body: UploadBody) -> Agreed | DryRun:
        received = await receive_csv(body, self._new_intake, objects=self._objects, request_id=upload.request_id)
        if received.options.dry_run:
            return _dry_run(received)
        request = request_file(
            upload.request_id,
            upload.submitter.owner,
            intake=received.intake,
            options=received.options,
            recipe=self._terms.recipes.recipe(received.options),
            limits=self._terms.limits,
            accepted_at=self._now(),
        )
        await self._objects.put_request(request)
        return Agreed(request, received.fingerprint, _notes(received.intake))

    async def _commit(self, agreed: Agreed, submitter: Submitter) -> Accepted:
        request = agreed.request
        try:
            await self._uploads.accept(agreed, submitter)
        except BaseException:
            # Whether it was committed may be unknown, so the objects stay until the sweeper can tell.
            await self._leave_to_sweeper(request.request_id)
            raise
        log.info("request accepted", extra={"request_id": request.request_id, "images": request.images_total})
        self._announcements.announce_soon(request)
        return Accepted(request, agreed.notes, replayed=False)

    async def _replay(self, earlier: Agreed, body: UploadBody) -> Accepted:
        if await self._in_time(fingerprint_of(body)) != earlier.fingerprint:
            raise KeyMismatch
        return Accepted(earlier.request, earlier.notes, replayed=True)

    async def _in_time(self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._terms.upload_timeout.total_seconds()) as limit:
                return await work
        except TimeoutError as error:
            if limit.expired():
                raise UploadTooSlow from error
            raise

    async def _clean_up(self, request_id: RequestId) -> None:
        """Remove what the upload wrote; what cannot be removed now is left to the sweeper."""
        try:
            await self._objects.remove(request_id)
            await self._uploads.forget(request_id)
        except DependencyAway as away:
            log.warning("upload not cleaned up yet", extra={"request_id": request_id, "reason": str(away)})
            await self._leave_to_sweeper(request_id)

    async def _leave_to_sweeper(self, request_id: RequestId) -> None:
        try:
            await self._uploads.expire(request_id)
        except DependencyAway as away:
            log.warning("upload is swept when its time is over", extra={"request_id": request_id, "reason": str(away)})

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
