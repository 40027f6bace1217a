"""The ports and the words of an upload: what a submission needs of its body, of Postgres and of object storage."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from math import ceil
from typing import Final, NamedTuple, Protocol

from services.ingest.domain.findings import Finding, Findings
from services.ingest.domain.manifest import ManifestChunk
from services.ingest.domain.options import SubmitOptions
from services.ingest.domain.quotas import Excess, Usage
from shared.api_keys import KeyId
from shared.ids import Owner, RequestId
from shared.request_files import RequestFile

# What is under way may end at any moment.
IN_FLIGHT_SECONDS: Final = 10


class SubmissionRefused(Exception):
    """Nothing was accepted. The subclasses say why."""


class CsvRefused(SubmissionRefused):
    """The CSV breaks the rules; `findings` say where. Correct them and send it again."""

    def __init__(self, findings: Findings) -> None:
        super().__init__(f"{findings.total} findings")
        self.findings = findings


class UploadTooSlow(SubmissionRefused):
    """The upload took longer than it may. Send it again over a faster connection, or split the file."""


class UploadLost(SubmissionRefused):
    """The upload stood still for too long, so its place was given away. Send it again, under the same key."""


class TooManyUploads(SubmissionRefused):
    """This process receives as many uploads as it may. Try again shortly."""


class TooManyOfOwner(SubmissionRefused):
    """As many uploads or retries as one owner may have at once are under way. Wait for one of their answers."""


class KeyInUse(SubmissionRefused):
    """Another upload with this Idempotency-Key is being received. Wait for its answer."""


class KeyMismatch(SubmissionRefused):
    """This Idempotency-Key was used for another file or other options. Use a new key."""


class QuotaExceeded(SubmissionRefused):
    """The API key has used up a quota. Try again when it is free."""

    def __init__(self, excess: Excess, at: datetime) -> None:
        super().__init__(excess.quota)
        self.excess = excess
        self.retry_after_seconds = IN_FLIGHT_SECONDS
        if excess.free_at is not None:
            self.retry_after_seconds = max(1, ceil((excess.free_at - at).total_seconds()))


class Submitter(NamedTuple):
    """Who submits, the Idempotency-Key they gave, if any, and the API key whose quotas hold."""

    owner: Owner
    idempotency_key: str | None
    key_id: KeyId | None = None


class Upload(NamedTuple):
    """An upload that is to be received: how long its name and its key are reserved at first, and its least size."""

    request_id: RequestId
    submitter: Submitter
    expires_at: datetime
    least: Usage = Usage()


class Lease(NamedTuple):
    """The right to store an upload and to commit it. What has been stored under it is there until it is lost.

    When its time is over it can be lost: to another upload with the same key, or to the sweeper. Lost is for good.
    """

    request_id: RequestId
    submitter: Submitter
    token: str


class Notes(NamedTuple):
    """What the submitter is told beside the request: findings that were tolerated, pictures that are used again."""

    warnings: tuple[Finding, ...] = ()
    warnings_total: int = 0
    carried_over: int = 0


class Agreed(NamedTuple):
    """A request, the fingerprint of what was sent for it, what its submitter is told, and how much was sent."""

    request: RequestFile
    fingerprint: bytes
    notes: Notes
    uploaded_bytes: int = 0

    @property
    def usage(self) -> Usage:
        """What it takes of the quotas."""
        return Usage(1, self.request.rows, self.uploaded_bytes)


class UploadBody(Protocol):
    """The body of a submission, as a stream."""

    def least_bytes(self) -> int:
        """What the file has at least, as far as it was announced."""
        ...

    async def open(self) -> SubmitOptions:
        """Read up to the file; return the options known so far."""
        ...

    def pieces(self) -> AsyncIterator[bytes]:
        """The bytes of the file."""
        ...

    def options(self) -> SubmitOptions:
        """All options, once the pieces have been read."""
        ...


class Uploads(Protocol):
    """What Postgres knows of uploads and requests."""

    async def begin(self, upload: Upload, now: datetime) -> Lease | Agreed:
        """Note the upload and reserve its key, or return what the key stands for.

        Raises `KeyInUse`, and `QuotaExceeded` when one is used up already.
        """
        ...

    async def agreed(self, submitter: Submitter) -> Agreed | None:
        """What the submitter's Idempotency-Key stands for."""
        ...

    async def count_received(self, key_id: KeyId, size: int, now: datetime) -> None:
        """Count the bytes of an upload that did not become a request."""
        ...

    async def take(self, upload: Upload) -> Lease | None:
        """Note the upload, or share the lease that it has; None when there is a request of its name, or was."""
        ...

    async def renew(self, lease: Lease, until: datetime) -> bool:
        """Put off the end of a lease; False when it was lost."""
        ...

    async def accept(self, agreed: Agreed, lease: Lease) -> None:
        """Turn the upload into a request and count it, in one transaction.

        Raises `KeyInUse`, `UploadLost`, or `QuotaExceeded`: then it is an upload still.
        """
        ...

    async def forget(self, request_id: RequestId) -> None:
        """The upload ended without a request, and its objects are gone."""
        ...

    async def give_up(self, lease: Lease) -> None:
        """Leave what was stored under the lease to the sweeper, unless it has become a request, or is another's."""
        ...


class PieceWriter(Protocol):
    async def write(self, data: bytes) -> None: ...


class UploadObjects(Protocol):
    """Where the objects of a request are written."""

    def writing_input(self, request_id: RequestId) -> AbstractAsyncContextManager[PieceWriter]: ...

    async def put_manifest(self, request_id: RequestId, chunk: ManifestChunk) -> None: ...

    async def put_request(self, request: RequestFile) -> None: ...

    async def remove(self, request_id: RequestId) -> None:
        """Remove every object of a request."""
        ...


class Announcements(Protocol):
    def announce_soon(self, request: RequestFile) -> None:
        """Publish the acceptance beside the caller; what fails is published later by the sweeper."""
        ...
