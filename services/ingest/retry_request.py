"""Retries a request that has ended: as a new one that carries over what succeeded, and tries only the rest."""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from services.ingest.acceptance import Acceptance, Accepted
from services.ingest.csv_upload import (
    Agreed,
    KeyMismatch,
    Notes,
    SubmissionRefused,
    Submitter,
    TooManyUploads,
    UploadLost,
    UploadTooSlow,
)
from services.ingest.domain.quotas import Usage
from services.ingest.domain.request_terms import Limits, retry_file
from services.ingest.domain.retried_manifest import DamagedResults
from services.ingest.owner_places import OwnerPlaces
from services.ingest.retried_images import OriginalObjects, store_retried_images
from shared.errors import DependencyAway
from shared.ids import Owner, RequestId
from shared.object_store import ObjectMissing
from shared.request_files import RequestFile

log = logging.getLogger(__name__)

# Each reads and writes as a large upload does, so few are enough to keep the store busy. Both ways share them.
RETRIES_AT_ONCE: Final = 4


class RetryRefused(SubmissionRefused):
    """The request cannot be retried as it stands. The subclasses say why."""


class UnknownOriginal(RetryRefused):
    """There is no such request."""


class RequestRunning(RetryRefused):
    """The request has not ended. Wait for its end, or cancel it."""


class NothingToRetry(RetryRefused):
    """Every image of the request succeeded, so there is nothing to try again."""


class ResultsGone(RetryRefused):
    """The results of the request are gone or damaged. Submit its failures.csv, or its input, instead."""


class TooManyImages(RetryRefused):
    """The request has more images than this server takes now. Submit its failures.csv instead."""


class Original(NamedTuple):
    """The request that is retried."""

    request: RequestFile
    has_ended: bool


class OriginalRequests(Protocol):
    async def original(self, request_id: RequestId, owner: Owner) -> Original | None:
        """A request of the owner's; None when there is none, or when it is being deleted."""
        ...


class RetryObjects(OriginalObjects, Protocol):
    async def has_results(self, request_id: RequestId) -> bool:
        """Whether the end of a request has left results.jsonl, and with it everything else that it leaves."""
        ...

    async def has_failures(self, request_id: RequestId) -> bool:
        """Whether the end of a request has left failures.csv: something failed, or was not attempted."""
        ...

    async def copy_input(self, request_id: RequestId, *, source: RequestId) -> None:
        """Copy the input of a request, on the server. Raises `ObjectMissing`."""
        ...


class RetryRequest:
    """Safe to be called many times at once. Nothing is accepted by halves."""

    def __init__(
        self,
        requests: OriginalRequests,
        objects: RetryObjects,
        acceptance: Acceptance,
        *,
        limits: Limits,
        now: Callable[[], datetime],
        new_id: Callable[[], RequestId],
    ) -> None:
        self._requests = requests
        self._objects = objects
        self._acceptance = acceptance
        self._limits = limits
        self._now = now
        self._new_id = new_id
        self._places = asyncio.Semaphore(RETRIES_AT_ONCE)
        self._owners = OwnerPlaces(RETRIES_AT_ONCE)

    async def __call__(self, request_id: RequestId, submitter: Submitter) -> Accepted:
        """Accept a retry, or raise `SubmissionRefused` or `DependencyAway`."""
        if self._places.locked():
            raise TooManyUploads
        with self._owners.held(submitter):
            return await self._in_place(request_id, submitter)

    async def _in_place(self, request_id: RequestId, submitter: Submitter) -> Accepted:
        async with self._places:
            try:
                return await self._retry(request_id, submitter)
            except UploadTooSlow as error:
                raise DependencyAway("object storage", "copying the manifest took too long") from error

    async def once(
        self, request_id: RequestId, owner: Owner, *, named: RequestId, accepted_at: datetime
    ) -> Accepted | None:
        """Accept a retry of this very name; None when there is one, or was. What a crash began is begun anew.

        It waits for its place. Whoever else works at the same name and the same `accepted_at` writes the same, so
        nothing is removed here when it goes wrong. Raises `UploadLost` when another process was quicker.
        """
        async with self._places:
            return await self._once(request_id, Submitter(owner, None), named=named, accepted_at=accepted_at)

    async def _once(
        self, request_id: RequestId, submitter: Submitter, *, named: RequestId, accepted_at: datetime
    ) -> Accepted | None:
        lease = await self._acceptance.take(named, submitter)
        if lease is None:
            return None
        try:
            work = self._agreed(request_id, submitter.owner, named, accepted_at=accepted_at)
            return await self._acceptance.commit(await self._acceptance.kept(lease, work), lease)
        except (RetryRefused, UploadLost):
            await self._acceptance.leave_to_sweeper(lease)
            raise

    async def _retry(self, request_id: RequestId, submitter: Submitter) -> Accepted:
        if await self._acceptance.earlier(submitter) is None:
            # Before anything is written: whoever asks for what cannot be retried costs little.
            await self._retriable(request_id, submitter.owner)
        begun = await self._acceptance.begin(self._new_id(), submitter, least=Usage(requests=1, rows=1))
        if isinstance(begun, Agreed):
            if begun.fingerprint != _fingerprint(request_id):
                raise KeyMismatch
            return Accepted(begun.request, begun.notes, replayed=True)
        agreed = await self._acceptance.stored(begun, self._agreed(request_id, submitter.owner, begun.request_id))
        return await self._acceptance.commit(agreed, begun)

    async def _agreed(
        self, request_id: RequestId, owner: Owner, named: RequestId, *, accepted_at: datetime | None = None
    ) -> Agreed:
        original = await self._retriable(request_id, owner)
        try:
            carried_over = await store_retried_images(original, named, self._objects)
            await self._objects.copy_input(named, source=request_id)
        except (DamagedResults, ObjectMissing) as error:
            log.error("request cannot be retried", extra={"request_id": request_id, "reason": str(error)})
            raise ResultsGone from error
        request = retry_file(original, named, limits=self._limits, accepted_at=accepted_at or self._now())
        await self._objects.put_request(request)
        return Agreed(request, _fingerprint(request_id), Notes(carried_over=carried_over))

    async def _retriable(self, request_id: RequestId, owner: Owner) -> RequestFile:
        found = await self._requests.original(request_id, owner)
        if found is None:
            raise UnknownOriginal
        # The results lie there a moment before ingest hears of the end, and they are final.
        if not await self._objects.has_results(request_id):
            raise ResultsGone if found.has_ended else RequestRunning
        if not await self._objects.has_failures(request_id):
            raise NothingToRetry
        if found.request.images_total > self._limits.max_images:
            raise TooManyImages
        return found.request


def _fingerprint(request_id: RequestId) -> bytes:
    """What an Idempotency-Key of a retry stands for."""
    return hashlib.sha256(f"retry of {request_id}".encode()).digest()
