"""Stand-ins for what the handler needs, written by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from services.processor.codec.memory_file import MemoryFile
from services.processor.domain.picture import CompressedPicture, PictureFormat, Rendered
from shared.errors import DependencyAway, Permanent, Transient
from shared.events import CarryOver, Event, ImageProcessed, ImageRequested, SourceFacts, rfc3339
from shared.ids import LOCAL_OWNER, RequestId
from shared.kafka.records import Received, Trigger
from shared.kafka.retry_tiers import ATTEMPT, FIRST_FAILED_AT, Reason
from shared.recipes import Recipe, Rendition
from shared.topics import Topic

REQUEST = RequestId("0b6f2c1e-5f0c-4d6a-9d8e-2a4b6c8d0e1f")
URL = "http://shop.example/cup.jpg"


def requested(
    *indexes: int,
    url: str = URL,
    renditions: tuple[Rendition, ...] = (Rendition(name="compressed"),),
    carry_over: CarryOver | None = None,
    request_id: RequestId = REQUEST,
    attempts_made: int = 0,
    first_failed_at: datetime | None = None,
    offset: int = 7,
) -> Received[ImageRequested]:
    event = ImageRequested(
        request_id=request_id,
        owner=LOCAL_OWNER,
        chunk=0,
        chunk_images=10,
        chunks_total=1,
        window=16,
        indexes=indexes or (0,),
        url=url,
        recipe=Recipe(name="default", renditions=renditions),
        carry_over=carry_over,
    )
    headers = {ATTEMPT: str(attempts_made)} if attempts_made else {}
    if first_failed_at is not None:
        headers[FIRST_FAILED_AT] = rfc3339(first_failed_at)
    return Received(event, Trigger("images.requested.express.v1", 0, offset), headers)


@dataclass
class FakeSources:
    """Sources by URL; an error is raised instead of a source."""

    answers: Mapping[str, bytes | Permanent | Transient]
    meanwhile: Callable[[], None] = lambda: None
    held: int = 0
    fetches: int = 0

    @asynccontextmanager
    async def fetched(self, url: str) -> AsyncIterator[MemoryFile]:
        self.fetches += 1
        self.meanwhile()
        answer = self.answers[url]
        if isinstance(answer, Exception):
            raise answer
        with MemoryFile("source") as file:
            file.write(answer)
            self.held += 1
            try:
                yield file
            finally:
                self.held -= 1


@dataclass
class FakeCodec:
    """Makes of every source the words `<rendition> of <source>`, as WebP."""

    error: Permanent | DependencyAway | None = None
    meanwhile: Callable[[], None] = lambda: None
    runs: int = 0

    @asynccontextmanager
    async def compressed(self, source: MemoryFile, recipe: Recipe) -> AsyncIterator[CompressedPicture]:
        self.runs += 1
        self.meanwhile()
        if self.error is not None:
            raise self.error
        facts = SourceFacts(
            bytes=source.size, format="jpeg", width=4, height=3, sha256=sha256(source.read()).hexdigest()
        )
        yield CompressedPicture(facts, [_rendered(rendition, source) for rendition in recipe.renditions], None)


@dataclass(frozen=True)
class Words:
    text: bytes

    def read(self) -> bytes:
        return self.text


def _rendered(rendition: Rendition, source: MemoryFile) -> Rendered:
    text = rendition.name.encode() + b" of " + source.read()
    return Rendered(rendition.name, "webp", 4, 3, len(text), sha256(text).hexdigest(), Words(text))


@dataclass
class FakeImages:
    """Objects by key. Those in `vanishing` are gone when they are to be copied; `may_store` holds up who stores."""

    stored: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    entries: dict[str, Mapping[str, str]] = field(default_factory=dict)
    vanishing: set[str] = field(default_factory=set)
    is_away: bool = False
    may_store: asyncio.Event | None = None
    asked: int = 0

    async def store(self, key: str, content: bytes, *, format_: PictureFormat, metadata: Mapping[str, str]) -> None:
        self._answer()
        self.asked += 1
        if self.may_store is not None:
            await self.may_store.wait()
        self.stored[key] = content, format_
        self.entries[key] = metadata

    async def metadata(self, key: str) -> Mapping[str, str] | None:
        self._answer()
        return self.entries.get(key)

    async def copy(self, source_key: str, key: str) -> bool:
        self._answer()
        if source_key in self.vanishing or source_key not in self.stored:
            return False
        self.stored[key], self.entries[key] = self.stored[source_key], self.entries[source_key]
        return True

    def _answer(self) -> None:
        if self.is_away:
            raise DependencyAway("s3", "no answer")


@dataclass
class FakeFacts:
    published: list[tuple[Topic, ImageProcessed]] = field(default_factory=list)

    async def publish(self, topic: Topic, *events: Event) -> None:
        for event in events:
            assert isinstance(event, ImageProcessed)
            self.published.append((topic, event))


Step = Literal["retry", "defer", "give up"]


@dataclass
class FakeTiers:
    """What became of records that did not work out: the step, the code and after how long, and since when."""

    steps: list[tuple[Step, str, timedelta]] = field(default_factory=list)
    failed_at: list[datetime | None] = field(default_factory=list)

    async def retry(self, received: Received[Event], reason: Reason, *, after: timedelta, failed_at: datetime) -> None:
        self._step("retry", reason, after, failed_at)

    async def defer(self, received: Received[Event], reason: Reason, *, after: timedelta, failed_at: datetime) -> None:
        self._step("defer", reason, after, failed_at)

    async def give_up(
        self, received: Received[Event], reason: Reason, *, made: int, failed_at: datetime | None = None
    ) -> None:
        self._step("give up", reason, timedelta(0), failed_at)

    def _step(self, step: Step, reason: Reason, after: timedelta, failed_at: datetime | None) -> None:
        self.steps.append((step, reason.code, after))
        self.failed_at.append(failed_at)


class ManualClock:
    """Shows what it is set to."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
