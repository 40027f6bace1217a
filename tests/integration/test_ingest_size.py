"""A large CSV is accepted in bounded memory."""

import pytest

from tests.integration.ingest_place import place_on
from tests.integration.ingest_size import measured
from tests.stack import StackForTests

pytestmark = pytest.mark.stack

MOST_MB = 64


@pytest.mark.checklist("I10")
async def test_a_hundred_thousand_rows_are_accepted_in_bounded_memory(stack: StackForTests) -> None:
    async with place_on(stack) as place:
        acceptance = await measured(place, 100_000)
    print(acceptance)
    assert acceptance.memory_above_idle_mb <= MOST_MB
