"""From counts to the end of a request: its state, and the event that tells the world."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.events import ByteCounts, EndState, ImageCounts, Outcome, RequestCompleted, StoredCsv
from shared.ids import Owner, RequestId
from shared.object_keys import failures_csv, output_csv


@dataclass(frozen=True, slots=True)
class TallyLine:
    """How many images of a request share an outcome and an error code."""

    outcome: Outcome
    error_code: str | None
    images: int
    bytes_in: int
    bytes_out: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a request's images. Bytes are those of the images that succeeded."""

    succeeded: int = 0
    failed: int = 0
    not_attempted: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    failures_by_code: Mapping[str, int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return self.succeeded + self.failed + self.not_attempted

    @property
    def is_flawless(self) -> bool:
        return self.failed == 0 and self.not_attempted == 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a request stands. Hosts are those with the most failures; of a running one, those of recorded chunks."""

    tally: Tally
    failures_by_host: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class EndedRequest:
    """A request whose CSVs are written."""

    request_id: RequestId
    owner: Owner
    retry_of: RequestId | None
    state: EndState
    tally: Tally
    output_sha256: str
    failures_sha256: str | None
    submitted_at: datetime
    started_at: datetime | None
    completed_at: datetime
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Places:
    """Where users find a request's CSVs."""

    public_url: str
    bucket: str

    def output(self, request_id: RequestId) -> str:
        return f"{self.public_url}/v1/requests/{request_id}/output.csv"

    def failures(self, request_id: RequestId) -> str:
        return f"{self.public_url}/v1/requests/{request_id}/failures.csv"


def tally_of(lines: Iterable[TallyLine]) -> Tally:
    """Sum up the lines of one request."""
    by_outcome = {"succeeded": 0, "failed": 0, "not_attempted": 0}
    codes: dict[str, int] = {}
    bytes_in = bytes_out = 0
    for line in lines:
        by_outcome[line.outcome] += line.images
        if line.outcome == "failed" and line.error_code is not None:
            codes[line.error_code] = codes.get(line.error_code, 0) + line.images
        if line.outcome == "succeeded":
            bytes_in += line.bytes_in
            bytes_out += line.bytes_out
    return Tally(**by_outcome, bytes_in=bytes_in, bytes_out=bytes_out, failures_by_code=most_frequent_first(codes))


def most_frequent_first(counts: Mapping[str, int]) -> dict[str, int]:
    """Order counts for people: the most frequent first, then by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def end_state(tally: Tally) -> EndState:
    """The state of a request all of whose images have a result: failed when there are some and none succeeded."""
    return "failed" if tally.done and not tally.succeeded else "completed"


def saved_percent(bytes_in: int, bytes_out: int) -> float:
    """How much smaller the pictures became, with one decimal; negative when they grew."""
    return round(100 * (bytes_in - bytes_out) / bytes_in, 1) if bytes_in else 0.0


def byte_counts(tally: Tally) -> ByteCounts:
    saved = saved_percent(tally.bytes_in, tally.bytes_out)
    return ByteCounts.model_validate({"in": tally.bytes_in, "out": tally.bytes_out, "saved_percent": saved})


def completed(request: EndedRequest, places: Places) -> RequestCompleted:
    """The completion event. It depends on stored facts alone, so that making it again gives the same."""
    request_id, tally = request.request_id, request.tally
    return RequestCompleted(
        request_id=request_id,
        owner=request.owner,
        state=request.state,
        retry_of=request.retry_of,
        images=ImageCounts(
            total=tally.done, succeeded=tally.succeeded, failed=tally.failed, not_attempted=tally.not_attempted
        ),
        failures_by_code=dict(tally.failures_by_code),
        bytes=byte_counts(tally),
        output=StoredCsv(
            url=places.output(request_id),
            bucket=places.bucket,
            key=output_csv(request_id),
            sha256=request.output_sha256,
        ),
        failures=_failures(request, places),
        submitted_at=request.submitted_at,
        started_at=request.started_at,
        completed_at=request.completed_at,
        metadata=dict(request.metadata),
    )


def _failures(request: EndedRequest, places: Places) -> StoredCsv | None:
    if request.failures_sha256 is None:
        return None
    return StoredCsv(
        url=places.failures(request.request_id),
        bucket=places.bucket,
        key=failures_csv(request.request_id),
        sha256=request.failures_sha256,
    )
