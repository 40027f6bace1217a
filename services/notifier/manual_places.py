"""How many attempts by hand are under way at once: who asks for more is refused, and nobody waits in line."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from services.notifier.domain.delivery import Delivery
from services.notifier.settings import MANUAL_PLACES

IN_ALL: Final = 16
PER_OWNER: Final = 4


class TooManyByHand(Exception):
    """As many webhooks are delivered by hand as may be at once. Try again when one of them has been answered."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class ManualPlaces:
    """Places for attempts by hand, in one process.

    Towards one endpoint there are as many as the client has connections beside those of the schedule.
    """

    def __init__(self) -> None:
        self._of_owner: Counter[str] = Counter()
        self._of_endpoint: Counter[str] = Counter()

    @contextmanager
    def one(self, delivery: Delivery) -> Iterator[None]:
        """Hold a place; raises `TooManyByHand` when there is none."""
        owner, endpoint = delivery.owner, delivery.endpoint
        if (
            self._of_owner.total() >= IN_ALL
            or self._of_owner[owner] >= PER_OWNER
            or self._of_endpoint[endpoint] >= MANUAL_PLACES
        ):
            raise TooManyByHand
        self._of_owner[owner] += 1
        self._of_endpoint[endpoint] += 1
        try:
            yield
        finally:
            # What is at zero is forgotten.
            self._of_owner -= Counter({owner: 1})
            self._of_endpoint -= Counter({endpoint: 1})
