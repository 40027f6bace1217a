"""A small world for the watchdog: rows, offsets and a clock that tests move by hand."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.aggregator.barrier import (
    ASSEMBLER,
    NEWCOMERS,
    PLANNER,
    PROCESSORS,
    RETRYING_PROCESSORS,
    STREAM,
    Places,
    Reader,
)
from services.aggregator.domain.open_request import OpenChunk, OpenRequest
from services.aggregator.known_requests import KnownRequests
from services.aggregator.lost_images import MissingResults
from services.aggregator.on_image_processed import ChunkId
from services.aggregator.overdue_requests import Overdue
from services.aggregator.watchdog import Duty
from services.aggregator.watchdog_wiring import WatchedParts, duties
from shared.errors import DependencyAway
from shared.events import Event
from shared.ids import RequestId
from shared.kafka.records import TopicPartition, Trigger
from shared.request_files import RequestFile
from shared.topics import Topic
from tests.unit.aggregator.fakes import NOON, FakeFiles, FakeRequestRows, FakeResults

PATIENCE = timedelta(seconds=60)
DEFERRED_FOR = timedelta(hours=1)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, duration: timedelta) -> None:
        self.time += duration


class FakeTopics:
    """What is published, and how far every reader has come. One partition a topic."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Event]] = []
        self.lengths: defaultdict[str, int] = defaultdict(int)
        self.read_up_to: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self.is_away = False

    async def publish(self, topic: Topic, *events: Event) -> None:
        self._look()
        self.published += [(topic.name, event) for event in events]
        self.lengths[topic.name] += len(events)

    async def ends(self, reader: Reader) -> Places:
        self._look()
        return {TopicPartition(topic.name, 0): self.lengths[topic.name] for topic in reader.topics}

    async def read(self, reader: Reader) -> Places:
        self._look()
        return {
            TopicPartition(topic.name, 0): self.read_up_to[reader.service, reader.role, topic.name]
            for topic in reader.topics
        }

    def fill(self, reader: Reader, *, records: int = 1) -> None:
        """Others append to each topic of a reader."""
        for topic in reader.topics:
            self.lengths[topic.name] += records

    def catch_up(self, *readers: Reader) -> None:
        """These readers read everything that is there, by default all readers."""
        for reader in readers or (PLANNER, PROCESSORS, RETRYING_PROCESSORS, STREAM, ASSEMBLER, NEWCOMERS):
            for topic in reader.topics:
                self.read_up_to[reader.service, reader.role, topic.name] = self.lengths[topic.name]

    def events(self) -> list[Event]:
        return [event for _, event in self.published]

    def _look(self) -> None:
        if self.is_away:
            raise DependencyAway("kafka", "no broker")


@dataclass
class FakeWatch:
    """Rows as the watchdog's queries see them."""

    rows: FakeRequestRows
    results: FakeResults
    files: FakeFiles
    times: dict[ChunkId, int] = field(default_factory=dict)
    known_to_ingest: set[RequestId] = field(default_factory=set)
    stuck_requests: list[RequestId] = field(default_factory=list)
    is_away: bool = False

    async def page(self, after: RequestId | None, *, limit: int) -> Sequence[OpenRequest]:
        self._look()
        wanted = sorted(each for each in self._without_end() if after is None or each > after)
        return [self._open(request_id) for request_id in wanted[:limit]]

    async def forget_ended(self) -> None:
        open_ = set(self._without_end())
        self.times = {chunk: times for chunk, times in self.times.items() if chunk.request_id in open_}

    async def missing(self, chunk: ChunkId) -> MissingResults:
        self._look()
        row = self.rows.rows[chunk.request_id]
        closed = chunk.request_id in self.rows.end_triggers or chunk.chunk in self._recorded(chunk.request_id)
        first = chunk.chunk * row.chunk_size
        indexes = range(first, first + row.images_in_chunk(chunk.chunk))
        missing = [index for index in indexes if (chunk.request_id, index) not in self.results.rows]
        return MissingResults([] if closed else missing, self.times.get(chunk, 0))

    async def count_republished(self, chunk: ChunkId) -> None:
        self.times[chunk] = self.times.get(chunk, 0) + 1

    async def is_unheeded(self, chunk: ChunkId) -> bool:
        recorded, row = self._recorded(chunk.request_id), self.rows.rows[chunk.request_id]
        has_end = chunk.request_id in self.rows.end_triggers
        return not has_end and (chunk.chunk not in recorded or len(recorded) == row.chunks_total)

    async def overdue(self, now: datetime, *, after: Overdue | None, limit: int) -> Sequence[Overdue]:
        self._look()
        rows = [self.rows.rows[each] for each in self._without_end()]
        found = sorted(Overdue(row.deadline_at, row.request_id, row.owner) for row in rows if row.deadline_at <= now)
        return [each for each in found if after is None or each > after][:limit]

    async def unheard(
        self, *, accepted_before: datetime, after: RequestFile | None, limit: int
    ) -> Sequence[RequestFile]:
        self._look()
        unknown = [self.files.files[each] for each in self.known_to_ingest - self.rows.rows.keys()]
        found = sorted(
            (file for file in unknown if file.accepted_at <= accepted_before),
            key=lambda file: (file.accepted_at, file.request_id),
        )
        return [file for file in found if after is None or file.request_id > after.request_id][:limit]

    async def stuck(self, *, ended_before: datetime, limit: int) -> Sequence[RequestId]:
        self._look()
        return self.stuck_requests[:limit] if ended_before > NOON else []

    def _without_end(self) -> list[RequestId]:
        return [each for each in self.rows.rows if each not in self.rows.end_triggers]

    def _recorded(self, request_id: RequestId) -> set[int]:
        return self.results.recorded.get(request_id, set())

    def _open(self, request_id: RequestId) -> OpenRequest:
        row, recorded = self.rows.rows[request_id], self._recorded(request_id)
        open_chunks = [
            OpenChunk(chunk, sum((request_id, index) in self.results.rows for index in self._indexes(row, chunk)))
            for chunk in range(row.chunks_total)
            if chunk not in recorded
        ]
        window = self.files.files[request_id].window if request_id in self.known_to_ingest else None
        return OpenRequest(
            request_id, row.images_total, row.chunks_total, row.chunk_size, window, len(recorded), open_chunks
        )

    def _indexes(self, row: "object", chunk: int) -> range:
        size = row.chunk_size  # type: ignore[attr-defined]  # a row of a request
        return range(chunk * size, (chunk + 1) * size)

    def _look(self) -> None:
        if self.is_away:
            raise DependencyAway("postgres", "no server")


class World:
    """Duties on fakes, and what others do meanwhile."""

    def __init__(self, *files: RequestFile) -> None:
        self.clock = Clock()
        self.topics = FakeTopics()
        self.files = FakeFiles(*files)
        self.rows = FakeRequestRows()
        self.results = FakeResults()
        self.watch = FakeWatch(self.rows, self.results, self.files)
        self.watch.known_to_ingest = {file.request_id for file in files}
        self.duties = self.new_duties()

    def new_duties(self) -> Sequence[Duty]:
        requests = KnownRequests(self.rows, self.files, now=self.clock)
        parts = WatchedParts(self.watch, self.rows, requests, self.topics, self.topics)
        return duties(parts, patience=PATIENCE, deferred_for=DEFERRED_FOR, page=2)

    async def know(self, file: RequestFile) -> None:
        """The request has its row."""
        await self.rows.insert(file)

    def bring(self, file: RequestFile, *indexes: int) -> None:
        """Results of images are recorded."""
        for index in indexes:
            self.results.rows.setdefault((file.request_id, index), ("succeeded", index))

    def record(self, file: RequestFile, chunk: int) -> None:
        """A chunk is complete and recorded."""
        first = chunk * file.chunk_size
        self.bring(file, *range(first, first + file.images_in_chunk(chunk)))
        self.results.recorded.setdefault(file.request_id, set()).add(chunk)

    async def end(self, file: RequestFile) -> None:
        """The request's end is claimed."""
        trigger = Trigger("requests.progress.v1", 0, 7)
        await self.rows.claim_end(file.request_id, state="cancelled", trigger=trigger, at=self.clock())

    async def turns(self, number: int = 1) -> None:
        """Some turns of all duties, at one moment."""
        for _ in range(number):
            for duty in self.duties:
                await duty.turn(self.clock())

    async def watch_for(
        self, duration: timedelta, *, step: timedelta = timedelta(seconds=5), readers_read: bool = False
    ) -> None:
        """Turns over a while; readers stand still meanwhile, or read everything and do nothing."""
        end = self.clock() + duration
        while self.clock() < end:
            self.clock.pass_(step)
            await self.turns()
            if readers_read:
                self.topics.catch_up()
