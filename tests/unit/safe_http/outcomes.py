"""What came of a fetch, in few words."""

import pytest

from shared.errors import Instruction, Permanent, Transient
from shared.safe_http import Fetched, SafeClient

LIMIT = 1000


async def fetched(made: SafeClient, url: str, *, limit: int = LIMIT) -> tuple[Fetched, bytes]:
    body = bytearray()
    answer = await made.fetch(url, body.extend, max_bytes=limit)
    return answer, bytes(body)


async def refused(made: SafeClient, url: str, *, limit: int = LIMIT) -> Instruction:
    with pytest.raises((Permanent, Transient)) as raised:
        await fetched(made, url, limit=limit)
    assert isinstance(raised.value, Instruction)
    return raised.value
