"""A record lies among the dead letters: it is written down where operators can see it, and replay it."""

import logging
import re
from collections.abc import Mapping
from typing import Final, Protocol

from services.aggregator.dead_letter_records import letter_of
from services.aggregator.domain.dead_letter import DeadLetter, DeadLetterKind
from services.aggregator.metrics import DEAD_LETTERS
from shared.kafka.records import Record

log = logging.getLogger(__name__)

MOST_CODES: Final = 100
OTHER_CODES: Final = "other"
_CODE: Final = re.compile(r"[a-z0-9_-]{1,40}")


class LetterRows(Protocol):
    async def insert(self, letter: DeadLetter) -> bool:
        """Write the letter down unless that was done; say whether it is new."""
        ...


class OnDeadLetter:
    """`kinds` tells by a topic's name on the cluster what lies in it."""

    def __init__(self, rows: LetterRows, kinds: Mapping[str, DeadLetterKind]) -> None:
        self._rows = rows
        self._kinds = kinds
        self._counted_codes: set[str] = set()

    async def __call__(self, record: Record) -> None:
        letter = letter_of(record, self._kinds[record.topic])
        if await self._rows.insert(letter):
            DEAD_LETTERS.labels(letter.kind, self._counted_as(letter.code)).inc()
            log.warning("dead letter", extra={"letter": str(letter.id), "kind": letter.kind, "code": letter.code})

    def _counted_as(self, code: str) -> str:
        """A few codes count each for themselves; strangers may write any number of them."""
        if _CODE.fullmatch(code) and len(self._counted_codes) < MOST_CODES:
            self._counted_codes.add(code)
        return code if code in self._counted_codes else OTHER_CODES
