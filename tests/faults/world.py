"""The whole system in one place and step by step: real handlers and a real Postgres, twins of Kafka and S3.

Each reader takes record after record and commits when its handler returned, so a test says who reads what and when,
what comes twice, and after which step a process dies. Fetching and encoding are left out: a stand-in answers for them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from services.aggregator.adapters.postgres_deletion import PostgresDeletion
from services.aggregator.adapters.postgres_images import PostgresImages
from services.aggregator.adapters.postgres_requests import PostgresRequests
from services.aggregator.adapters.postgres_results import PostgresResults
from services.aggregator.adapters.s3_outputs import S3Outputs
from services.aggregator.adapters.s3_requests import S3Requests
from services.aggregator.domain.completion import Places
from services.aggregator.known_requests import KnownRequests
from services.aggregator.on_cancel_requested import OnCancelRequested
from services.aggregator.on_chunk_completed import OnChunkCompleted
from services.aggregator.on_deadline_passed import OnDeadlinePassed
from services.aggregator.on_image_processed import OnImageProcessed
from services.aggregator.on_request_accepted import OnRequestAccepted
from services.aggregator.on_request_assembled import OnRequestAssembled
from services.aggregator.on_request_completed import OnRequestCompleted
from services.aggregator.on_request_deleted import OnRequestDeleted
from services.aggregator.request_end import RequestEnd
from services.aggregator.request_images import RequestImages
from shared.events import (
    CancelRequested,
    ChunkCompleted,
    DeadlinePassed,
    Event,
    ImageProcessed,
    ImageRequested,
    RequestAccepted,
    RequestCompleted,
    RequestDeleted,
)
from shared.kafka.cloudevents import decode
from shared.kafka.dispatch import Dispatcher, Handlers
from shared.kafka.memory import MemoryBroker
from shared.kafka.records import Record
from shared.object_memory import MemoryObjects
from shared.postgres import Database
from shared.request_files import RequestFile
from shared.topics import (
    IMAGES_PROCESSED,
    IMAGES_REQUESTED_BULK,
    IMAGES_REQUESTED_EXPRESS,
    REQUESTS_ACCEPTED,
    REQUESTS_ASSEMBLED,
    REQUESTS_COMPLETED,
    REQUESTS_DELETED,
    REQUESTS_PROGRESS,
    TOPICS,
    Topic,
)
from tests.faults.ingest import BUCKET, planner_handlers, submission
from tests.faults.life import Life
from tests.faults.processor import ProcessorStandIn
from tests.faults.readers import EchoingFacts, Handle, Reader
from tests.unit.aggregator.fakes import FakeChunkTable

BATCH = 500


class World:
    """All readers of one small cluster."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.broker = MemoryBroker(partitions=1)
        self.facts = EchoingFacts(self.broker)
        self.objects = MemoryObjects()
        self.table = FakeChunkTable()
        self.processor = ProcessorStandIn(self.facts)
        lanes = (IMAGES_REQUESTED_EXPRESS, IMAGES_REQUESTED_BULK)
        planned = (REQUESTS_ACCEPTED, REQUESTS_PROGRESS, REQUESTS_COMPLETED)
        self.readers = {
            "planner": self._reader(planned, lambda life: planner_handlers(self, life)),
            "processor": self._reader(lanes, lambda _life: {ImageRequested: self.processor}),
            "stream": Reader(self.broker, (IMAGES_PROCESSED,), self._stream),
            "requests": self._reader((REQUESTS_ACCEPTED,), self._accepted),
            "assembler": self._reader((REQUESTS_PROGRESS,), self._progress),
            "publisher": Reader(self.broker, (REQUESTS_ASSEMBLED,), self._publisher),
            "completed": self._reader((REQUESTS_COMPLETED,), self._completed),
            "deleted": self._reader((REQUESTS_DELETED,), self._deleted),
        }
        self.readers["stream"].at_once = BATCH

    async def submit(self, csv: str, *, key: str | None = None, life: Life | None = None) -> RequestFile:
        """What an upload becomes; `life` is that of the process that takes it."""
        return await submission(self, life or Life(), csv, key=key)

    async def settle(self, *only: str, without: Iterable[str] = ()) -> None:
        """Let readers (all, or only some, or all but some) read until nothing is left to read."""
        active = [self.readers[name] for name in only or self.readers if name not in without]
        while any([await reader.turn() for reader in active]):
            pass

    async def cancel(self, request: RequestFile) -> None:
        await self._ask(CancelRequested, request, "by its owner")

    async def pass_deadline(self, request: RequestFile) -> None:
        await self._ask(DeadlinePassed, request, "too old")

    async def _ask(self, fact: type[CancelRequested | DeadlinePassed], request: RequestFile, reason: str) -> None:
        event = fact(request_id=request.request_id, owner=request.owner, reason=reason)
        await self.facts.publish(REQUESTS_PROGRESS, event)

    def repeat(self, *topics: Topic) -> None:
        """Append every record of these topics once more: the same bytes at a new offset."""
        for topic in topics:
            for record in self.broker.records(topic.name):
                self._repeat(record)

    def repeat_some(self, chance: Random) -> None:
        """Append one record of some topic once more; a completion is nobody's to repeat."""
        topic = chance.choice([topic for topic in TOPICS if topic is not REQUESTS_COMPLETED])
        if records := self.broker.records(topic.name):
            self._repeat(chance.choice(records))

    def _repeat(self, record: Record) -> None:
        self.broker.append(record.topic, key=record.key or b"", value=record.value or b"", headers=record.headers)

    def events(self, topic: Topic) -> list[Event]:
        return [decode(record, topic.events).event for record in self.broker.records(topic.name)]

    def sizes(self) -> Counter[str]:
        """How many records each topic has."""
        return Counter({topic.name: len(self.broker.records(topic.name)) for topic in TOPICS})

    def _reader(self, topics: Sequence[Topic], handlers: Callable[[Life], Handlers]) -> Reader:
        named = {topic.name: topic for topic in topics}

        def made(life: Life) -> Handle:
            dispatcher = Dispatcher(named, handlers(life), self.facts)

            async def handle(batch: Sequence[Record]) -> None:
                for record in batch:
                    if (rest := await dispatcher.dispatch(record)) is not None:
                        await rest()

            return handle

        return Reader(self.broker, topics, made)

    def _known(self, life: Life) -> KnownRequests:
        files = S3Requests(self.objects, BUCKET)
        return KnownRequests(life.bound(PostgresRequests(self.database)), files, now=now)

    def _end(self, life: Life) -> RequestEnd:
        known, results = self._known(life), life.bound(PostgresResults(self.database))
        csvs = S3Outputs(life.bound(self.objects), BUCKET, results, picture_url=picture_url)
        return RequestEnd(
            known,
            life.bound(PostgresRequests(self.database)),
            results,
            images=RequestImages(known, life.bound(PostgresImages(self.database))),
            csvs=csvs,
            facts=life.bound(self.facts),
            now=now,
        )

    def _accepted(self, life: Life) -> Handlers:
        return {RequestAccepted: OnRequestAccepted(self._known(life), self._end(life))}

    def _progress(self, life: Life) -> Handlers:
        known, end = self._known(life), self._end(life)
        return {
            ChunkCompleted: OnChunkCompleted(known, life.bound(PostgresResults(self.database)), end),
            CancelRequested: OnCancelRequested(known, end),
            DeadlinePassed: OnDeadlinePassed(known, end),
        }

    def _completed(self, life: Life) -> Handlers:
        return {RequestCompleted: OnRequestCompleted(life.bound(PostgresRequests(self.database)), now=now)}

    def _deleted(self, life: Life) -> Handlers:
        return {RequestDeleted: OnRequestDeleted(life.bound(PostgresDeletion(self.database)))}

    def _stream(self, life: Life) -> Handle:
        results, facts = life.bound(PostgresResults(self.database)), life.bound(self.facts)
        handler = OnImageProcessed(self._known(life), results, self.table, facts)

        async def handle(batch: Sequence[Record]) -> None:
            received: list[Any] = [decode(record, (ImageProcessed,)) for record in batch]
            await handler(received)

        return handle

    def _publisher(self, life: Life) -> Handle:
        """As the real one: the completion and the input offset are one step."""
        rows = life.bound(PostgresRequests(self.database))
        assembled = OnRequestAssembled(self._known(life), rows, places=Places("http://x.example", BUCKET), now=now)

        async def handle(batch: Sequence[Record]) -> None:
            for record in batch:
                received: Any = decode(record, REQUESTS_ASSEMBLED.events)
                completion = await assembled(received)
                life.alive()
                if completion is not None:
                    await self.facts.publish(REQUESTS_COMPLETED, completion)

        return handle


def picture_url(key: str) -> str:
    return f"http://pictures.example/{key}"


def now() -> datetime:
    return datetime.now(UTC)
