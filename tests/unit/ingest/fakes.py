"""Stand-ins for ingest's ports, and CSVs to feed it with."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import uuid4

from services.ingest.cancel_request import Cancellation, Cancelling, CancelState, cancel_requested
from services.ingest.csv_upload import Agreed, KeyInUse, Lease, QuotaExceeded, Submitter, Upload, UploadLost
from services.ingest.delete_request import DeletedRequest, DoomedRequest, Marking
from services.ingest.deployer_files import recipe_book
from services.ingest.domain.csv_intake import CsvIntake, IntakeTerms
from services.ingest.domain.csv_rules import CsvRules
from services.ingest.domain.earlier_outputs import PictureKey
from services.ingest.domain.manifest import ManifestChunk
from services.ingest.domain.options import SubmitOptions
from services.ingest.domain.quotas import Quotas, Usage, excess_in_flight, excess_of, hour_of
from services.ingest.domain.request_terms import Limits, request_file
from services.ingest.retry_request import Original
from services.ingest.url_judge import url_judge
from shared.api_keys import KeyId
from shared.errors import DependencyAway
from shared.events import CancelRequested, EndState, Event
from shared.ids import LOCAL_OWNER, Owner, RequestId
from shared.kafka.records import Trigger
from shared.picture_urls import PictureUrls
from shared.request_files import Encoding, ManifestImage, RequestFile
from shared.topics import Topic

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REQUEST = RequestId("8d3f0b51-5d0c-4f3e-9f5a-0c4b7a1f2e11")
HEADER = "Serial Number,Product Name,Image URLs\n"
GOOD_CSV = HEADER + '1,Lamp,https://a.example/1.jpg\n2,Chair,"https://a.example/2.jpg, https://a.example/3.jpg"\n'
PICTURES = PictureUrls("http://pictures.example", b"a key for tests")
RECIPES = recipe_book(None)
JUDGE = url_judge(())
LIMITS = Limits(chunk_size=2, window=2, max_images=100, deadline=timedelta(days=1))


def csv_of(*rows: str) -> str:
    return HEADER + "".join(f"{row}\n" for row in rows)


def taken(text: str | bytes, *, step: int | None = None, **options: object) -> tuple[CsvIntake, list[ManifestChunk]]:
    """A CSV that went through the intake in pieces of `step` bytes."""
    intake = new_intake(**options)
    data = text.encode() if isinstance(text, str) else text
    pieces = [data[start : start + step] for start in range(0, len(data), step)] if step else [data]
    chunks = [chunk for piece in pieces for chunk in intake.feed(piece)]
    return intake, chunks + intake.finish()


def new_intake(
    *,
    rules: object = None,
    encoding: object = "utf-8",
    chunk_size: object = 2,
    max_images: object = 100,
    renditions: object = ("compressed",),
    picture_key: object = None,
    count_distinct: object = False,
) -> CsvIntake:
    known = rules if isinstance(rules, CsvRules) else CsvRules()
    terms = IntakeTerms(known, cast(int, chunk_size), cast(int, max_images), JUDGE, cast(PictureKey, picture_key))
    return CsvIntake(
        terms,
        encoding=cast(Encoding, encoding),
        renditions=cast(tuple[str, ...], renditions),
        count_distinct=bool(count_distinct),
    )


def agreed(text: str = GOOD_CSV, *, options: SubmitOptions | None = None, limits: Limits = LIMITS) -> RequestFile:
    intake, _ = taken(text, chunk_size=limits.chunk_size)
    options = options or SubmitOptions()
    return request_file(
        REQUEST,
        LOCAL_OWNER,
        intake=intake,
        options=options,
        recipe=RECIPES.recipe(options),
        limits=limits,
        accepted_at=NOON,
    )


def images_of(count: int) -> str:
    """A CSV of so many images, one a row."""
    return csv_of(*(f"{number},Thing {number},https://a.example/{number}.jpg" for number in range(1, count + 1)))


@dataclass
class BodyOf:
    """The body of a submission; `at_end` is called after the pieces, then `fails` is raised."""

    data: bytes
    given: SubmitOptions = field(default_factory=SubmitOptions)
    fails: Exception | None = None
    at_end: Callable[[], None] | None = None
    step: int = 16

    def least_bytes(self) -> int:
        return len(self.data)

    async def open(self) -> SubmitOptions:
        return self.given

    async def pieces(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.data), self.step):
            yield self.data[start : start + self.step]
        if self.at_end is not None:
            self.at_end()
        if self.fails is not None:
            raise self.fails

    def options(self) -> SubmitOptions:
        return self.given


@dataclass
class RequestsInMemory:
    """What Postgres holds for ingest: uploads, requests, keys, released chunks."""

    uploads: dict[RequestId, Upload] = field(default_factory=dict)
    tokens: dict[RequestId, str] = field(default_factory=dict)
    lost: set[RequestId] = field(default_factory=set)
    renewals: int = 0
    requests: dict[RequestId, RequestFile] = field(default_factory=dict)
    keys: dict[tuple[Owner, str | None], Agreed] = field(default_factory=dict)
    quotas: dict[KeyId, Quotas] = field(default_factory=dict)
    used: dict[tuple[KeyId, datetime], Usage] = field(default_factory=dict)
    made_with: dict[RequestId, KeyId] = field(default_factory=dict)
    announced: dict[RequestId, datetime] = field(default_factory=dict)
    ended: dict[RequestId, datetime] = field(default_factory=dict)
    released: dict[tuple[RequestId, int], Trigger] = field(default_factory=dict)
    deleted: dict[RequestId, datetime] = field(default_factory=dict)
    gone: dict[RequestId, DeletedRequest] = field(default_factory=dict)
    removals: dict[RequestId, datetime] = field(default_factory=dict)
    cancelled: dict[RequestId, datetime] = field(default_factory=dict)
    cancel_said: dict[RequestId, datetime] = field(default_factory=dict)
    end_states: dict[RequestId, EndState] = field(default_factory=dict)
    is_away: bool = False
    after_commit: Callable[[], None] | None = None

    async def begin(self, upload: Upload, now: datetime) -> Lease | Agreed:
        self._answer()
        if upload.submitter[:2] in self.keys:
            return self.keys[upload.submitter[:2]]
        if upload.submitter.idempotency_key is not None:
            same = [other for other in self.uploads.values() if other.submitter[:2] == upload.submitter[:2]]
            self.lost |= {other.request_id for other in same if other.expires_at < now}
            if any(other.request_id not in self.lost for other in same):
                raise KeyInUse
        self._judge_beginning(upload, now)
        return self._leased(upload)

    async def agreed(self, submitter: Submitter) -> Agreed | None:
        self._answer()
        return None if submitter.idempotency_key is None else self.keys.get(submitter[:2])

    async def count_received(self, key_id: KeyId, size: int, now: datetime) -> None:
        self._answer()
        place = (key_id, hour_of(now))
        self.used[place] = self.used.get(place, Usage()).plus(Usage(bytes=size))

    async def take(self, upload: Upload) -> Lease | None:
        self._answer()
        if upload.request_id in {*self.requests, *self.gone}:
            return None
        return self._leased(upload)

    async def renew(self, lease: Lease, until: datetime) -> bool:
        self._answer()
        if not self._holds(lease):
            return False
        self.uploads[lease.request_id] = self.uploads[lease.request_id]._replace(expires_at=until)
        self.renewals += 1
        return True

    async def accept(self, agreed: Agreed, lease: Lease) -> None:
        self._answer()
        request = agreed.request
        if not self._holds(lease):
            raise UploadLost
        self._count_up(agreed, lease.submitter.key_id)
        del self.uploads[request.request_id]
        self.requests[request.request_id] = request
        if lease.submitter.idempotency_key is not None:
            self.keys[lease.submitter[:2]] = agreed
        if self.after_commit is not None:
            self.after_commit()
            self._answer()

    async def forget(self, request_id: RequestId) -> None:
        self._answer()
        self.uploads.pop(request_id, None)

    async def give_up(self, lease: Lease) -> None:
        self._answer()
        name = lease.request_id
        if name not in self.uploads or self._holds(lease):
            self.uploads[name] = Upload(name, lease.submitter, datetime.min.replace(tzinfo=UTC))
            self.lost.add(name)

    async def find(self, request_id: RequestId) -> RequestFile | None:
        self._answer()
        return self.requests.get(request_id)

    async def restore(self, request: RequestFile) -> bool:
        self._answer()
        if request.request_id in self.gone:
            return False
        self.requests.setdefault(request.request_id, request)
        self.announced.setdefault(request.request_id, request.accepted_at)
        return True

    async def claim(self, request_id: RequestId, chunks: Sequence[int], trigger: Trigger) -> list[int]:
        self._answer()
        if request_id in self.ended or request_id in self.cancelled:
            return []
        return [chunk for chunk in chunks if self.released.setdefault((request_id, chunk), trigger) == trigger]

    async def mark_ended(self, request_id: RequestId, ended_at: datetime, state: EndState) -> bool:
        self._answer()
        if request_id not in self.requests or request_id in self.ended:
            return False
        self.ended[request_id] = ended_at
        self.end_states[request_id] = state
        return True

    async def original(self, request_id: RequestId, owner: Owner) -> Original | None:
        self._answer()
        request = self._of(request_id, owner)
        return None if request is None else Original(request, request_id in self.ended)

    async def mark_cancelled(self, request_id: RequestId, owner: Owner, now: datetime) -> Cancelling:
        self._answer()
        if self._of(request_id, owner) is None:
            return "unknown"
        if request_id not in self.ended:
            self.cancelled.setdefault(request_id, now)
        elif request_id not in self.cancelled or self.end_states[request_id] != "cancelled":
            return "ended"
        has_started = any(place[0] == request_id for place in self.released)
        state: CancelState = "cancelled" if request_id in self.ended else "processing" if has_started else "pending"
        return Cancellation(request_id, owner, self.cancelled[request_id], state)

    async def mark_cancel_said(self, request_ids: Sequence[RequestId], now: datetime) -> None:
        self._answer()
        for request_id in request_ids:
            self.cancel_said.setdefault(request_id, now)

    @asynccontextmanager
    async def unsaid_cancellations(
        self, requested_before: datetime, *, limit: int, now: datetime
    ) -> AsyncIterator[Sequence[CancelRequested]]:
        self._answer()
        found = [
            request_id
            for request_id, requested_at in self.cancelled.items()
            if requested_at < requested_before and request_id not in {*self.cancel_said, *self.ended}
        ][:limit]
        yield [cancel_requested(request_id, self.requests[request_id].owner) for request_id in found]
        await self.mark_cancel_said(found, now)

    async def mark_deleted(self, request_id: RequestId, owner: Owner, now: datetime) -> Marking:
        self._answer()
        request = self.requests.get(request_id)
        if request is None or request.owner != owner:
            return "unknown"
        if request_id not in self.ended:
            return "running"
        self.deleted.setdefault(request_id, now)
        return "marked"

    async def remove_request(self, request_id: RequestId, now: datetime, *, again_at: datetime) -> None:
        self._answer()
        if self.deleted.pop(request_id, None) is None:
            return
        self.gone[request_id] = DeletedRequest(request_id, now)
        self.removals[request_id] = again_at
        del self.requests[request_id]
        self.ended.pop(request_id, None)
        self.keys = {key: agreed for key, agreed in self.keys.items() if agreed.request.request_id != request_id}
        self.released = {place: trigger for place, trigger in self.released.items() if place[0] != request_id}

    async def doomed(self, marked_before: datetime, *, limit: int) -> Sequence[DoomedRequest]:
        self._answer()
        found = [request_id for request_id, marked_at in self.deleted.items() if marked_at < marked_before]
        return [DoomedRequest(request_id, self.requests[request_id].owner) for request_id in found[:limit]]

    async def claim_removals(self, now: datetime, *, until: datetime, limit: int) -> Sequence[DeletedRequest]:
        self._answer()
        due = [request_id for request_id, again_at in self.removals.items() if again_at < now][:limit]
        self.removals |= dict.fromkeys(due, until)
        return [self.gone[request_id] for request_id in due]

    async def note_removal(self, request_id: RequestId, again_at: datetime | None) -> None:
        self._answer()
        if again_at is not None:
            self.removals[request_id] = again_at
        elif self.gone.pop(request_id, None) is not None:
            del self.removals[request_id]

    async def mark_announced(self, request_ids: Sequence[RequestId], now: datetime) -> None:
        self._answer()
        for request_id in request_ids:
            self.announced.setdefault(request_id, now)

    @asynccontextmanager
    async def unannounced(
        self, accepted_before: datetime, *, limit: int, now: datetime
    ) -> AsyncIterator[Sequence[RequestFile]]:
        self._answer()
        found = [
            request
            for request in self.requests.values()
            if request.request_id not in self.announced and request.accepted_at < accepted_before
        ][:limit]
        yield found
        await self.mark_announced([request.request_id for request in found], now)

    @asynccontextmanager
    async def abandoned(self, expired_before: datetime, *, limit: int) -> AsyncIterator[Sequence[RequestId]]:
        self._answer()
        self.lost |= {upload.request_id for upload in self.uploads.values() if upload.expires_at < expired_before}
        found = [name for name in self.uploads if name in self.lost][:limit]
        yield [request_id for request_id in found if request_id not in self.requests]
        for request_id in found:
            await self.forget(request_id)

    def _judge_beginning(self, upload: Upload, now: datetime) -> None:
        key_id = upload.submitter.key_id
        if key_id is None:
            return
        limits, hour = self.quotas.get(key_id, Quotas()), hour_of(now)
        together = self.used.get((key_id, hour), Usage()).plus(upload.least)
        mine = {name: other for name, other in self.uploads.items() if other.submitter.key_id == key_id}
        under_way = [name for name, other in mine.items() if other.expires_at > now]
        running = [name for name, made_with in self.made_with.items() if made_with == key_id]
        in_flight = len({*under_way} - self.lost) + len({*running} - {*self.ended}) + 1
        excess = excess_of(upload.least, together, hour=hour, limits=limits) or excess_in_flight(in_flight, limits)
        if excess is not None:
            raise QuotaExceeded(excess, now)

    def _count_up(self, agreed: Agreed, key_id: KeyId | None) -> None:
        if key_id is None:
            return
        at = agreed.request.accepted_at
        together = self.used.get((key_id, hour_of(at)), Usage()).plus(agreed.usage)
        limits = self.quotas.get(key_id, Quotas())
        excess = excess_of(agreed.usage, together, hour=hour_of(at), limits=limits)
        if excess is not None:
            raise QuotaExceeded(excess, at)
        self.used[key_id, hour_of(at)] = together
        self.made_with[agreed.request.request_id] = key_id

    def _leased(self, upload: Upload) -> Lease:
        name = upload.request_id
        if name not in self.uploads or name in self.lost:
            self.tokens[name] = str(uuid4())
            self.lost.discard(name)
        self.uploads[name] = upload
        return Lease(name, upload.submitter, self.tokens.setdefault(name, str(uuid4())))

    def _holds(self, lease: Lease) -> bool:
        name = lease.request_id
        return name in self.uploads and name not in self.lost and self.tokens.get(name) == lease.token

    def _of(self, request_id: RequestId, owner: Owner) -> RequestFile | None:
        request = self.requests.get(request_id)
        is_there = request is not None and request.owner == owner and request_id not in self.deleted
        return request if is_there else None

    def _answer(self) -> None:
        if self.is_away:
            raise DependencyAway("postgres", "set away by a test")


@dataclass
class ObjectsInMemory:
    """What object storage holds of a request, for the planner."""

    chunks: dict[int, list[ManifestImage]] = field(default_factory=dict)
    file: RequestFile | None = None

    async def request(self, request_id: RequestId) -> RequestFile | None:
        return self.file if self.file is not None and self.file.request_id == request_id else None

    async def manifest_chunk(self, request_id: RequestId, chunk: int) -> list[ManifestImage] | None:
        return self.chunks.get(chunk)


@dataclass
class RecordedFacts:
    """Remembers what was published; while `is_away`, publishing fails."""

    published: list[tuple[Topic, Event]] = field(default_factory=list)
    is_away: bool = False

    async def publish(self, topic: Topic, *events: Event) -> None:
        if self.is_away:
            raise DependencyAway("kafka", "set away by a test")
        self.published += [(topic, event) for event in events]

    def events(self, topic: Topic) -> list[Event]:
        return [event for where, event in self.published if where == topic]


@dataclass
class RecordedAnnouncements:
    announced: list[RequestId] = field(default_factory=list)
    cancelled: list[CancelRequested] = field(default_factory=list)

    def cancel_soon(self, cancelled: CancelRequested) -> None:
        self.cancelled.append(cancelled)

    def announce_soon(self, request: RequestFile) -> None:
        self.announced.append(request.request_id)
