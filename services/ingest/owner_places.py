"""Places that callers wait for: nobody may hold all of them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from services.ingest.csv_upload import Submitter, TooManyOfOwner
from shared.ids import Owner


class OwnerPlaces:
    """Leaves each owner half of the places of this process at most, and one at least.

    Callers without a key are everybody, so they share all of them.
    """

    def __init__(self, at_once: int) -> None:
        self._each = max(1, at_once // 2)
        self._held: Counter[Owner] = Counter()

    @contextmanager
    def held(self, submitter: Submitter) -> Iterator[None]:
        """Hold one place while the block runs. Raises `TooManyOfOwner`."""
        owner = submitter.owner
        if submitter.key_id is not None and self._held[owner] >= self._each:
            raise TooManyOfOwner
        self._held[owner] += 1
        try:
            yield
        finally:
            self._held[owner] -= 1
            if not self._held[owner]:
                del self._held[owner]
