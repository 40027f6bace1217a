"""A request that has ended, and whoever retries it, among their fakes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2

from services.ingest.acceptance import Acceptance
from services.ingest.adapters.s3_requests import S3Requests
from services.ingest.api.answers import PublicUrls
from services.ingest.api.retry import retry_router
from services.ingest.domain.manifest import read_manifest_chunk
from services.ingest.domain.options import SubmitOptions
from services.ingest.domain.request_terms import Limits
from services.ingest.on_retry_requested import OnRetryRequested
from services.ingest.retry_request import RetryRequest
from shared import object_keys
from shared.events import RetryRequested
from shared.http.app import service_app
from shared.http.callers import Callers
from shared.ids import LOCAL_OWNER, Owner, RequestId
from shared.kafka.records import Received, Record, Trigger
from shared.object_memory import MemoryObjects
from shared.request_files import ManifestImage, RequestFile
from tests.callers import ALL_OPERATORS, EVERYONE
from tests.unit.ingest.fakes import NOON, REQUEST, RecordedAnnouncements, RequestsInMemory, agreed, images_of, taken

BUCKET = "requests"
LATER = NOON + timedelta(hours=3)
ASKED = NOON + timedelta(hours=2)
TODAY = Limits(chunk_size=250, window=7, max_images=100, deadline=timedelta(days=2))
TIMEOUT = timedelta(minutes=10)
NAMED = RequestId("91111111-2222-5333-8444-555555555555")
TRIGGER = Trigger("requests.progress.v1", 1, 42)
OPTIONS = SubmitOptions(
    callback_url="http://hook.example", metadata={"a": 1}, on_invalid="keep", failed_slots="empty", quality=30
)
URLS = PublicUrls("http://in.example", "http://agg.example", "http://not.example")
OUTCOMES = {"s": "succeeded", "f": "failed", "n": "not_attempted"}


def result(index: int, outcome: str) -> bytes:
    keys = {"compressed": object_keys.image(REQUEST, index, rendition="compressed", extension="jpg")}
    line = {"index": index, "outcome": outcome, "keys": keys if outcome == "succeeded" else {}}
    return json.dumps(line).encode() + b"\n"


class Retrying:
    """A request of one image for each letter of `outcomes`, in chunks of two."""

    def __init__(
        self,
        outcomes: str = "sfsns",
        *,
        ended: bool = True,
        limits: Limits = TODAY,
        callers: Callers = EVERYONE,
        owner: Owner = LOCAL_OWNER,
    ) -> None:
        text = images_of(len(outcomes))
        self.original = agreed(text, options=OPTIONS).model_copy(update={"owner": owner})
        self.rows = RequestsInMemory(requests={REQUEST: self.original})
        self.store = MemoryObjects()
        self._put(object_keys.input_csv(REQUEST), text.encode())
        for chunk in taken(text)[1]:
            self._put(object_keys.manifest_chunk(REQUEST, chunk.number), chunk.body)
        if ended:
            self.rows.ended[REQUEST] = NOON
            self.assemble(outcomes)
        self.announcements = RecordedAnnouncements()
        self.objects = S3Requests(self.store, BUCKET, images_bucket="images")
        acceptance = Acceptance(self.rows, self.objects, self.announcements, timeout=TIMEOUT, now=lambda: LATER)
        self.new_ids = [RequestId(f"{number}1111111-2222-4333-8444-555555555555") for number in range(2, 9)]
        self.retry = RetryRequest(
            self.rows, self.objects, acceptance, limits=limits, now=lambda: LATER, new_id=lambda: self.new_ids.pop(0)
        )
        self.on_retry_requested = OnRetryRequested(self.retry)
        self.app = service_app("ingest", {}, operators=ALL_OPERATORS, debug=False)
        self.app.include_router(retry_router(self.retry, callers, URLS))

    def assemble(self, outcomes: str) -> None:
        """Leave behind what the end of a request does."""
        lines = b"".join(result(index, OUTCOMES[outcome]) for index, outcome in enumerate(outcomes))
        if set(outcomes) != {"s"}:
            self._put(object_keys.failures_csv(REQUEST), b"x")
        self._put(object_keys.results(REQUEST), lines)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx2.AsyncClient]:
        transport = httpx2.ASGITransport(self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://ingest") as client:
            yield client

    async def post(self, request_id: str = REQUEST, *, key: str | None = None) -> httpx2.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        async with self.client() as client:
            return await client.post(f"/v1/requests/{request_id}/retry", headers=headers)

    async def refused(self, request_id: str = REQUEST, *, key: str | None = None) -> tuple[int, str]:
        """Status and kind of a refusal; nothing may have been accepted."""
        before = set(self.rows.requests)
        answer = await self.post(request_id, key=key)
        assert set(self.rows.requests) == before
        return answer.status_code, answer.json()["type"].rpartition(":")[2]

    async def retried(self) -> RequestFile:
        return self.rows.requests[RequestId((await self.post()).json()["request_id"])]

    async def asked_by_event(self, named: RequestId = NAMED, *, owner: Owner = LOCAL_OWNER) -> None:
        event = RetryRequested(request_id=REQUEST, owner=owner, retry_id=named, reason="Replayed.")
        record = Record(*TRIGGER, key=None, value=None, timestamp_ms=int(ASKED.timestamp() * 1000))
        await self.on_retry_requested(Received(event, TRIGGER, record=record))

    def objects_of(self, request_id: str) -> list[str]:
        return sorted(key for _, key in self.store.objects if key.startswith(f"{request_id}/"))

    def images(self, request: RequestFile) -> list[ManifestImage]:
        keys = [object_keys.manifest_chunk(request.request_id, chunk) for chunk in range(request.chunks_total)]
        return [image for key in keys for image in read_manifest_chunk(self.store.objects[BUCKET, key])]

    def _put(self, key: str, data: bytes) -> None:
        self.store.objects[BUCKET, key] = data
        self.store.content_types[BUCKET, key] = "text/plain"
        self.store.metadata[BUCKET, key] = {}
