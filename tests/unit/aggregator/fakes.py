"""Stand-ins for the aggregator's ports, and facts to feed it with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from services.aggregator.domain.completion import Tally, TallyLine, tally_of
from services.aggregator.domain.progress import ChunkProgress, ChunkShape
from services.aggregator.domain.request_list import ListQuery
from services.aggregator.known_requests import RequestDamaged, RequestGone, RequestRow, place_of, row_of
from services.aggregator.on_image_processed import ChunkId, ChunkRows, Results
from services.aggregator.request_end import WrittenCsvs
from shared.errors import DependencyAway
from shared.events import EndState, Event, ImageError, ImageProcessed, Outcome, SourceFacts, StoredRendition
from shared.ids import LOCAL_OWNER, RequestId
from shared.image_errors import ImageErrorCode
from shared.kafka.records import Received, Trigger
from shared.request_files import CsvShape, ManifestImage, RequestFile
from shared.topics import Topic
from tests.recipes import default_recipe

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
E = TypeVar("E", bound=Event)
REQUEST = RequestId("8d3f0b51-5d0c-4f3e-9f5a-0c4b7a1f2e11")


def noon() -> datetime:
    return NOON


def request_file(*, images: int = 8, chunk_size: int = 4, request_id: RequestId = REQUEST) -> RequestFile:
    return RequestFile(
        request_id=request_id,
        owner=LOCAL_OWNER,
        rows=images,
        images_total=images,
        chunks_total=-(-images // chunk_size),
        chunk_size=chunk_size,
        window=2,
        lane="bulk",
        accepted_at=NOON,
        deadline_at=NOON + timedelta(days=1),
        recipe=default_recipe(),
        csv=CsvShape(columns=("S", "N", "U"), serial_column=0, name_column=1, urls_column=2),
        metadata={"order": 17},
    )


def processed(
    index: int, *, offset: int, file: RequestFile | None = None, fails: bool = False, also: Sequence[int] = ()
) -> Received[ImageProcessed]:
    file = file or request_file()
    chunk = index // file.chunk_size
    rendition = StoredRendition(
        name="compressed", key=f"{file.request_id}/{index}/compressed.jpg", format="jpeg", width=1, height=1,
        bytes=25, sha256="00",
    )  # fmt: skip
    event = ImageProcessed(
        request_id=file.request_id,
        owner=file.owner,
        chunk=chunk,
        chunk_images=file.images_in_chunk(chunk),
        chunks_total=file.chunks_total,
        window=file.window,
        indexes=(index, *also),
        outcome="failed" if fails else "succeeded",
        note=None,
        error=ImageError(code="timeout", message="It took too long.") if fails else None,
        source=None if fails else SourceFacts(bytes=100, format="jpeg", width=1, height=1, sha256="00"),
        renditions=() if fails else (rendition,),
        attempts=1,
        duration_ms=5,
    )
    return Received(event, Trigger("images.processed.v1", chunk, offset))


def manifest_of(file: RequestFile, chunk: int) -> list[ManifestImage]:
    """A chunk of a manifest with one image a row."""
    first = chunk * file.chunk_size
    return [
        ManifestImage(
            index=index,
            row=index + 1,
            line=index + 2,
            slot=0,
            serial_number=f"{index + 1}",
            product_name="Cup",
            url=f"http://shop.example/{index}",
        )
        for index in range(first, first + file.images_in_chunk(chunk))
    ]


def received(event: E, offset: int = 0) -> Received[E]:
    return Received(event, Trigger("requests.progress.v1", 0, offset))


class FakeFacts:
    """Keeps what is published; raises as often as it is told to, before it keeps anything."""

    def __init__(self) -> None:
        self.published: list[Event] = []
        self.failures = 0

    async def publish(self, _topic: Topic, *events: Event) -> None:
        if self.failures:
            self.failures -= 1
            raise DependencyAway("kafka", "no acknowledgement in time")
        self.published += events


class FakeFiles:
    """`request.json` objects."""

    def __init__(self, *files: RequestFile) -> None:
        self.files = {file.request_id: file for file in files}
        self.damaged: set[RequestId] = set()
        self.reads = 0

    async def read(self, request_id: RequestId) -> RequestFile | None:
        self.reads += 1
        if request_id in self.damaged:
            raise RequestDamaged(request_id)
        return self.files.get(request_id)

    async def manifest(self, request_id: RequestId, chunk: int) -> Sequence[ManifestImage]:
        if request_id in self.damaged:
            raise RequestDamaged(request_id)
        if request_id not in self.files:
            raise RequestGone(request_id)
        return manifest_of(self.files[request_id], chunk)


@dataclass
class FakeRequestRows:
    """Rows of requests, with the conditions of the real statements."""

    rows: dict[RequestId, RequestRow] = field(default_factory=dict)
    end_triggers: dict[RequestId, Trigger] = field(default_factory=dict)
    marks: dict[RequestId, Trigger] = field(default_factory=dict)
    published: set[RequestId] = field(default_factory=set)

    async def insert(self, file: RequestFile) -> RequestRow | None:
        if file.request_id in self.rows:
            return None
        return self.rows.setdefault(file.request_id, row_of(file))

    async def find(self, request_id: RequestId) -> RequestRow | None:
        return self.rows.get(request_id)

    async def delete(self, request_id: RequestId) -> None:
        self.rows.pop(request_id, None)

    async def start(self, request_ids: Collection[RequestId], *, at: datetime) -> Mapping[RequestId, int]:
        known = [each for each in request_ids if each in self.rows]
        for each in known:
            self._change(each, started_at=self.rows[each].started_at or at)
        return {each: self.rows[each].chunk_size for each in known}

    async def claim_end(
        self, request_id: RequestId, *, state: EndState, trigger: Trigger, at: datetime
    ) -> EndState | None:
        if self.end_triggers.setdefault(request_id, trigger) != trigger:
            return None
        self._change(request_id, end_state=self.rows[request_id].end_state or state)
        return self.rows[request_id].end_state

    async def store_assembly(
        self, request_id: RequestId, tally: Tally, csvs: WrittenCsvs, *, at: datetime
    ) -> RequestRow | None:
        if self.rows[request_id].assembled_at is not None:
            return None
        self._change(
            request_id,
            assembled_at=at,
            tally=tally,
            output_sha256=csvs.output_sha256,
            failures_sha256=csvs.failures_sha256,
            failures_by_host=csvs.failures_by_host,
        )
        return self.rows[request_id]

    async def mark_completion(self, request_id: RequestId, *, trigger: Trigger, at: datetime) -> RequestRow | None:
        if request_id in self.published or self.marks.setdefault(request_id, trigger) != trigger:
            return None
        if request_id not in self.rows:
            self.marks.pop(request_id)
            return None
        self._change(request_id, completed_at=self.rows[request_id].completed_at or at)
        return self.rows[request_id]

    async def set_published(self, request_id: RequestId, *, at: datetime) -> None:
        self.published.add(request_id)

    def _change(self, request_id: RequestId, **changes: object) -> None:
        self.rows[request_id] = replace(self.rows[request_id], **changes)  # type: ignore[arg-type]  # fields of the row


@dataclass
class FakeListedRequests:
    """Requests as users look for them; keeps what was looked for."""

    rows: dict[RequestId, RequestRow] = field(default_factory=dict)
    queries: list[ListQuery] = field(default_factory=list)

    def put(self, row: RequestRow) -> None:
        self.rows[row.request_id] = row

    async def find(self, request_id: RequestId) -> RequestRow | None:
        return self.rows.get(request_id)

    async def listed(self, query: ListQuery) -> Sequence[RequestRow]:
        self.queries.append(query)
        fitting = [row for row in self.rows.values() if row.owner == query.owner and place_of(row) < query.after]
        return sorted(fitting, key=place_of, reverse=True)[: query.limit]


@dataclass
class FakeResults:
    """Result rows: the first writer of an index wins."""

    rows: dict[tuple[RequestId, int], tuple[Outcome, int | None]] = field(default_factory=dict)
    recorded: dict[RequestId, set[int]] = field(default_factory=dict)
    images: dict[tuple[RequestId, int], ManifestImage] = field(default_factory=dict)
    reads: int = 0

    async def record(self, results: Results) -> None:
        for each in results:
            for index in each.event.indexes:
                self.rows.setdefault((each.event.request_id, index), (each.event.outcome, each.trigger.offset))

    async def chunks(self, shapes: Mapping[ChunkId, ChunkShape]) -> Mapping[ChunkId, ChunkRows]:
        self.reads += 1
        return {
            chunk: ChunkRows(
                chunk.chunk in self.recorded.get(chunk.request_id, set()),
                [
                    (index, offset)
                    for (request_id, index), (_, offset) in self.rows.items()
                    if request_id == chunk.request_id and shape.positions([index]) and offset is not None
                ],
            )
            for chunk, shape in shapes.items()
        }

    async def missing_chunks(self, request: RequestRow) -> Sequence[int]:
        first = {chunk: chunk * request.chunk_size for chunk in range(request.chunks_total)}
        return [chunk for chunk, index in first.items() if (request.request_id, index) not in self.images]

    async def insert(self, request_id: RequestId, images: Sequence[ManifestImage]) -> None:
        for image in images:
            self.images.setdefault((request_id, image.index), image)

    async def record_chunk(self, request: RequestRow, chunk: int, images: Sequence[ManifestImage]) -> int:
        await self.insert(request.request_id, images)
        self.recorded.setdefault(request.request_id, set()).add(chunk)
        return len(self.recorded[request.request_id])

    async def tally(self, request_id: RequestId) -> Tally:
        outcomes = [outcome for (own, _), (outcome, _) in self.rows.items() if own == request_id]
        code = {"succeeded": None, "failed": "timeout", "not_attempted": "cancelled"}
        return tally_of(TallyLine(outcome, code[outcome], 1, 100, 25) for outcome in outcomes)

    async def fill_missing(self, request: RequestRow, *, code: ImageErrorCode, message: str) -> None:
        for index in range(request.images_total):
            self.rows.setdefault((request.request_id, index), ("not_attempted", None))


class FakeChunkTable:
    """A table of chunks that counts its writes, as a changelog would."""

    def __init__(self) -> None:
        self.chunks: dict[ChunkId, ChunkProgress] = {}
        self.writes = 0

    def get(self, chunk: ChunkId) -> ChunkProgress | None:
        return self.chunks.get(chunk)

    def put(self, chunk: ChunkId, progress: ChunkProgress) -> None:
        self.writes += 1
        self.chunks[chunk] = ChunkProgress.from_bytes(progress.to_bytes())

    def remove(self, chunk: ChunkId) -> None:
        self.writes += 1
        del self.chunks[chunk]

    def keys(self) -> Sequence[ChunkId]:
        return list(self.chunks)


class FakeCsvs:
    """Counts how often CSVs are written."""

    def __init__(self) -> None:
        self.written: list[bool] = []

    async def write(self, request: RequestFile, *, with_failures: bool) -> WrittenCsvs:
        self.written.append(with_failures)
        return WrittenCsvs("aa" * 32, "bb" * 32 if with_failures else None, {"shop.example": 1})
