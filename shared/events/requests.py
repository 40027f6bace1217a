"""Events of a request's life: accepted, in progress, assembled, completed."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from shared.events.base import UUID_FORM, Count, Event, KnownForm, Timestamp, Value
from shared.ids import RequestId

Lane = Literal["express", "bulk"]
EndState = Literal["completed", "failed", "cancelled", "expired"]


class RequestAccepted(Event):
    """The request is committed; its manifest lies in object storage."""

    TYPE: ClassVar[str] = "requests.accepted"

    request_object: str
    rows: int = Field(ge=0)
    images_total: int = Field(ge=0)
    chunks_total: int = Field(ge=0)
    chunk_size: int = Field(ge=1)
    window: int = Field(ge=1)
    lane: Lane
    accepted_at: Timestamp
    deadline_at: Timestamp


class ChunkProgress(Event):
    """Something happened to one chunk."""

    chunk: Count
    chunks_total: int = Field(ge=1)
    window: int = Field(ge=1)

    @property
    def identity(self) -> str:
        return f"{self.request_id}:{self.chunk}"


class ChunkAdvanced(ChunkProgress):
    """Three quarters of the chunk's images have a result: the chunk one window further on may start."""

    TYPE: ClassVar[str] = "chunk.advanced"


class ChunkCompleted(ChunkProgress):
    """Every image of the chunk has a result in Postgres."""

    TYPE: ClassVar[str] = "chunk.completed"


class CancelRequested(Event):
    """The owner no longer wants the rest."""

    TYPE: ClassVar[str] = "cancel.requested"

    reason: str


class DeadlinePassed(Event):
    """The request is older than it may become."""

    TYPE: ClassVar[str] = "deadline.passed"

    reason: str


class RetryRequested(Event):
    """What failed or was not attempted is to be tried again, as a new request. Written when dead letters are replayed.

    `retry_id` names the new request, so that the same wish, said twice, is one request.
    """

    TYPE: ClassVar[str] = "retry.requested"

    retry_id: KnownForm
    reason: str

    @property
    def identity(self) -> str:
        return f"{self.request_id}:{self.retry_id}"


class RequestAssembled(Event):
    """The end is claimed and the CSVs are written."""

    TYPE: ClassVar[str] = "requests.assembled"

    state: EndState
    output_key: str
    failures_key: str | None


class ImageCounts(Value):
    total: int = Field(ge=0)
    succeeded: int = Field(ge=0)
    failed: int = Field(ge=0)
    not_attempted: int = Field(ge=0)


class ByteCounts(Value):
    """Bytes fetched and stored of the images that succeeded; `saved_percent` has one decimal."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    in_: int = Field(ge=0, alias="in")
    out: int = Field(ge=0)
    saved_percent: float


class StoredCsv(Value):
    """A CSV that can be fetched by its URL, or from object storage by those who have access."""

    url: str
    bucket: str
    key: str
    sha256: str


class RequestCompleted(Event):
    """The request reached its end. Published exactly once for each request (to `read_committed` readers)."""

    TYPE: ClassVar[str] = "requests.completed"

    state: EndState
    retry_of: RequestId | None
    images: ImageCounts
    failures_by_code: dict[str, int]
    bytes: ByteCounts
    output: StoredCsv
    failures: StoredCsv | None
    submitted_at: Timestamp
    started_at: Timestamp | None
    completed_at: Timestamp
    metadata: dict[str, Any]


class RequestDeleted(Event):
    """The owner deleted the request after its end: its objects are gone, and its rows go."""

    TYPE: ClassVar[str] = "requests.deleted"


class DeliveryDue(Event):
    """A webhook is to be attempted (again) once the record's time has come.

    `attempt` counts the attempts of the schedule made so far, and `deferral` how often the next one was put off since;
    with other numbers in the delivery's row the record is out of date.
    """

    TYPE: ClassVar[str] = "webhooks.due"

    delivery_id: Annotated[str, UUID_FORM]
    attempt: int = Field(ge=0)
    deferral: int = Field(default=0, ge=0)

    @property
    def key(self) -> str:
        return self.delivery_id

    @property
    def identity(self) -> str:
        put_off = f":{self.deferral}" if self.deferral else ""
        return f"{self.delivery_id}:{self.attempt}{put_off}"
