"""What the servers answer, as far as the command uses it. Further fields are kept and shown with `--json`."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["pending", "processing", "completed", "failed", "cancelled", "expired"]

ENDED: Final[frozenset[State]] = frozenset({"completed", "failed", "cancelled", "expired"})


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class CsvError(Part):
    """One thing that is wrong with a CSV, and where."""

    row: int | None = None
    line: int | None = None
    column: str | None = None
    code: str = ""
    message: str = ""


class CsvShape(Part):
    """How the file is written, as the server found it."""

    encoding: str | None = None
    delimiter: str | None = None


class Accepted(Part):
    """A request was taken. Warnings are what `on_invalid=keep` let pass."""

    request_id: str
    state: State
    rows: int
    images_total: int
    carried_over: int = 0
    csv: CsvShape = CsvShape()
    warnings: tuple[CsvError, ...] = ()
    warnings_total: int = 0


class Cancelled(Part):
    """A request was cancelled; `state` is what it is still, or `cancelled` when it has come to its end."""

    request_id: str
    state: State


class Progress(Part):
    percent: float
    images_total: int
    images_done: int
    succeeded: int
    failed: int
    not_attempted: int


class Failures(Part):
    """Counts of failed images; null as long as they are not known."""

    by_code: dict[str, int] | None = None
    by_host: dict[str, int] | None = None


class ByteCounts(Part):
    in_: int | None = Field(default=None, alias="in")
    out: int | None = None
    saved_percent: float | None = None


class Links(Part):
    output_csv: str | None = None
    failures_csv: str | None = None


class Status(Part):
    """How a request stands."""

    request_id: str
    state: State
    progress: Progress
    failures: Failures
    bytes: ByteCounts
    links: Links

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def is_spotless(self) -> bool:
        """Completed, and every image succeeded."""
        return self.state == "completed" and not self.progress.failed and not self.progress.not_attempted


class ListedRequest(Part):
    """One line of the list of requests."""

    request_id: str
    state: State
    progress: Progress
    submitted_at: str


class Requests(Part):
    """The newest first."""

    items: tuple[ListedRequest, ...]
    next_cursor: str | None = None


class Rendition(Part):
    url: str


class Image(Part):
    """What became of one image."""

    index: int
    renditions: tuple[Rendition, ...] = ()


class Images(Part):
    items: tuple[Image, ...]
    next_cursor: str | None = None


class Problem(Part):
    """An RFC 9457 answer."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    errors: tuple[CsvError, ...] = ()
    errors_total: int | None = None


class Findings(Part):
    """What a dry run says about a CSV."""

    valid: bool
    rows: int
    images_total: int
    carried_over: int = 0
    csv: CsvShape = CsvShape()
    errors: tuple[CsvError, ...] = ()
    errors_total: int | None = None


class DeliveryError(Part):
    code: str
    message: str


class Attempt(Part):
    n: int
    at: str
    host: str
    status: int | None
    error: DeliveryError | None
    duration_ms: int


class Delivery(Part):
    """A webhook that is owed."""

    delivery_id: str
    host: str
    state: str
    next_attempt_at: str | None = None
    attempts: tuple[Attempt, ...]


class Deliveries(Part):
    items: tuple[Delivery, ...]


class WebhookSecret(Part):
    """A secret that signs, without what it is; `expires_at` is null when nothing was made after it."""

    secret_id: str
    created_at: str
    expires_at: str | None = None


class NewWebhookSecret(WebhookSecret):
    """A secret that was made just now; `secret` is told this once."""

    secret: str


class WebhookSecrets(Part):
    items: tuple[WebhookSecret, ...]
