"""Refused submissions as problems that say what to do."""

from typing import Final

from services.ingest.api.answers import errors_of
from services.ingest.csv_upload import (
    CsvRefused,
    KeyInUse,
    KeyMismatch,
    QuotaExceeded,
    SubmissionRefused,
    TooManyOfOwner,
    TooManyUploads,
    UploadLost,
    UploadTooSlow,
)
from services.ingest.retry_request import NothingToRetry, RequestRunning, ResultsGone, TooManyImages
from shared.events import rfc3339
from shared.http.problems import Problem

_RETRY: Final = {"Retry-After": "5"}

_PROBLEMS: Final[dict[type[SubmissionRefused], tuple[int, str, dict[str, str]]]] = {
    UploadTooSlow: (408, "upload-too-slow", {"Connection": "close"}),
    UploadLost: (503, "upload-lost", _RETRY),
    TooManyUploads: (503, "too-many-uploads", _RETRY),
    TooManyOfOwner: (429, "too-many-uploads", _RETRY),
    KeyInUse: (409, "idempotency-key-in-use", _RETRY),
    KeyMismatch: (422, "idempotency-key-mismatch", {}),
    RequestRunning: (409, "request-running", {}),
    NothingToRetry: (409, "nothing-to-retry", {}),
    ResultsGone: (409, "results-gone", {}),
    TooManyImages: (409, "too-many-images", {}),
}


def problem_of(refusal: SubmissionRefused) -> Problem:
    if isinstance(refusal, CsvRefused):
        return _csv_refused(refusal)
    if isinstance(refusal, QuotaExceeded):
        return _quota_exceeded(refusal)
    status, kind, headers = _PROBLEMS[type(refusal)]
    return Problem(status, kind, f"{type(refusal).__doc__} Nothing was accepted.", headers=headers)


def _quota_exceeded(refusal: QuotaExceeded) -> Problem:
    quota, limit, free_at, is_hopeless = refusal.excess
    words = quota.replace("_", " ")
    advice = "Split the file." if is_hopeless else "`Retry-After` says when to come again."
    return Problem(
        429,
        "quota-exceeded",
        f"This API key may have {limit} {words}, and this would be more. {advice} Nothing was accepted.",
        headers={"Retry-After": str(refusal.retry_after_seconds)},
        quota=quota,
        limit=limit,
        free_at=None if free_at is None else rfc3339(free_at),
    )


def _csv_refused(refusal: CsvRefused) -> Problem:
    total, listed = refusal.findings.total, len(refusal.findings.listed)
    shown = "see errors" if total == listed else f"the first {listed} are in errors"
    detail = f"The CSV has {total} {'error' if total == 1 else 'errors'}; {shown}. Nothing was accepted."
    return Problem(422, "invalid-csv", detail, **errors_of(refusal.findings))
