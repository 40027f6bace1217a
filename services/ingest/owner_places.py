"""Places that callers wait for: nobody may hold all of them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from services.ingest.csv_upload import Submitter, TooManyOfOwner, TooManyUploads
from shared.ids import Owner


class OwnerPlaces:
    """So many places in this process; each owner has half of them at most, and one at least.

    Callers without a key are everybody, so they share all of them.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._each = max(1, at_once // 2)
        self._held: Counter[Owner] = Counter()

    @contextmanager
    def held(self, submitter: Submitter) -> Iterator[None]:
        """Hold one place while the block runs. Raises `TooManyUploads` when all are held, and `TooManyOfOwner`."""
        owner = submitter.owner
        if self._held.total() >= self._at_once:
            raise TooManyUploads
        if submitter.key_id is not None and self._held[owner] >= self._each:
            raise TooManyOfOwner
        self._held[owner] += 1
        try:
            yield
        finally:
            self._held[owner] -= 1
            if not self._held[owner]:
                del self._held[owner]
