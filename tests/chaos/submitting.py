"""Submits catalogues while services die, and follows them to their ends.

A submission that brings no answer, or one that says "later", is repeated with the same Idempotency-Key until there is
a 202. From then on the request must end.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import httpx2

from tests.chaos.catalogues import Assortment, Catalogue

STEP_SECONDS: Final = 0.5
THREADS: Final = 8
REPLAYED_EVERY: Final = 5
ACCEPTED: Final = 202
WHOLE: Final = 100
# The key is taken by a submission that a crash has cut off; a service is away; too many at once.
LATER: Final = frozenset({408, 409, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Submission:
    """Where requests go, and what they say besides their rows."""

    ingest_url: str
    aggregator_url: str
    callback_url: str
    run: str
    """Part of the keys, so that runs do not meet."""


class Accepted(NamedTuple):
    """There was a 202."""

    request_id: str


class Later(NamedTuple):
    """There was none, and there may be one later."""

    why: str


class Refused(Exception):
    """A catalogue that is right was refused."""


class Submitter:
    """Keeps some images under way until it is told that there are enough, or has submitted `most` catalogues.

    `accepted` has every 202, `repeats` why submissions were repeated. Some are repeated although they were accepted:
    `other_answers` has what was then said instead of the first answer.
    """

    def __init__(self, assortment: Assortment, submission: Submission, *, outstanding: int, most: int | None) -> None:
        self.accepted: dict[str, Catalogue] = {}
        self.unanswered: set[int] = set()
        self.repeats: Counter[str] = Counter()
        self.other_answers: list[str] = []
        self._assortment = assortment
        self._submission = submission
        self._outstanding = outstanding
        self._open: dict[str, int] = {}
        """Images without a result, by request."""
        self._next = 0
        self._most = most
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._gone = threading.Event()
        self._http = httpx2.Client(trust_env=False, timeout=20)
        self._pool = ThreadPoolExecutor(THREADS + 1, thread_name_prefix="submit")
        self._work = [self._pool.submit(self._submit_until_enough) for _ in range(THREADS)]
        self._work.append(self._pool.submit(self._follow))

    @property
    def images(self) -> int:
        """Images of all requests that were accepted."""
        with self._lock:
            return sum(catalogue.images for catalogue in self.accepted.values())

    @property
    def open(self) -> int:
        """Requests that have not ended yet, as far as is known."""
        with self._lock:
            return len(self._open) + len(self.unanswered)

    def submit_all(self) -> None:
        """Return when as many catalogues as there may be are on their way."""
        while self._next != self._most:
            self.raise_trouble()
            time.sleep(STEP_SECONDS)
        self.enough()

    def enough(self) -> None:
        """Submit nothing new; what was begun goes on."""
        self._enough.set()

    def raise_trouble(self) -> None:
        """Raise what ended one of the threads."""
        for work in self._work:
            if work.done():
                work.result()

    def close(self) -> None:
        self._enough.set()
        self._gone.set()
        self._pool.shutdown()
        self._http.close()
        self.raise_trouble()

    def _submit_until_enough(self) -> None:
        while not self._enough.is_set():
            catalogue = self._take()
            if catalogue is None:
                self._enough.wait(STEP_SECONDS)
                continue
            self._submit(catalogue)

    def _take(self) -> Catalogue | None:
        with self._lock:
            if sum(self._open.values()) >= self._outstanding or self._next == self._most:
                return None
            number, self._next = self._next, self._next + 1
            self.unanswered.add(number)
        return self._assortment.catalogue(number)

    def _submit(self, catalogue: Catalogue) -> None:
        request_id = self._until_accepted(catalogue)
        if request_id is None:
            return
        with self._lock:
            self.accepted[request_id] = catalogue
            self._open[request_id] = catalogue.images
            self.unanswered.discard(catalogue.number)
        if catalogue.number % REPLAYED_EVERY == 0:
            again = self._until_accepted(catalogue)
            if again not in {request_id, None}:
                self.other_answers.append(f"catalogue {catalogue.number} became {request_id} and then {again}")

    def _until_accepted(self, catalogue: Catalogue) -> str | None:
        """The id that a 202 tells; None when the time was over before there was one."""
        while not self._gone.is_set():
            answer = self._try(catalogue)
            if isinstance(answer, Accepted):
                return answer.request_id
            with self._lock:
                self.repeats[answer.why] += 1
            self._gone.wait(STEP_SECONDS)
        return None

    def _try(self, catalogue: Catalogue) -> Accepted | Later:
        try:
            answer = self._http.post(
                f"{self._submission.ingest_url}/v1/requests",
                files={"file": ("catalogue.csv", catalogue.csv(), "text/csv")},
                data={"callback_url": self._submission.callback_url},
                headers={"Idempotency-Key": f"{self._submission.run}-{catalogue.number}"},
            )
        except httpx2.TransportError as error:
            return Later(type(error).__name__)
        if answer.status_code in LATER:
            return Later(str(answer.status_code))
        if answer.status_code != ACCEPTED:
            raise Refused(f"catalogue {catalogue.number}: {answer.status_code} {answer.text[:500]}")
        return Accepted(str(answer.json()["request_id"]))

    def _follow(self) -> None:
        while not self._gone.wait(STEP_SECONDS):
            with self._lock:
                waiting = list(self._open)
            for request_id in waiting:
                status = status_of(self._http, self._submission.aggregator_url, request_id)
                if status is not None:
                    self._note(request_id, status["progress"])
            self._gone.wait(min(2.0, 0.05 * len(waiting)))

    def _note(self, request_id: str, progress: Mapping[str, Any]) -> None:
        with self._lock:
            if progress["percent"] == WHOLE:
                del self._open[request_id]
            else:
                self._open[request_id] = progress["images_total"] - progress["images_done"]


def status_of(http: httpx2.Client, aggregator_url: str, request_id: str) -> Mapping[str, Any] | None:
    """The status of a request; None when the service is away or does not know it."""
    try:
        answer = http.get(f"{aggregator_url}/v1/requests/{request_id}")
    except httpx2.TransportError:
        return None
    return dict(answer.json()) if answer.is_success else None


def wait_for(submitter: Submitter, *, seconds: float) -> bool:
    """Wait until every submission was answered and every request has ended; says whether they have."""
    deadline = time.monotonic() + seconds
    while submitter.open and time.monotonic() < deadline:
        submitter.raise_trouble()
        time.sleep(STEP_SECONDS)
    return submitter.open == 0
