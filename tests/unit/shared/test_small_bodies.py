"""Bodies that are read whole: how much of them is taken from callers that nobody knows yet."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest

from services.aggregator.api.dead_letter_orders import LONGEST_ID, ReplayOrderBody
from services.aggregator.domain.dead_letter import LARGEST_OFFSET, LARGEST_PARTITION
from services.aggregator.domain.dead_letter_replay import MOST_LETTERS
from services.ingest.api.keys import keys_router
from services.ingest.made_keys import MadeKeys
from shared.api_keys import new_token
from shared.http.app import service_app
from shared.http.small_bodies import MAX_BODY_BYTES
from tests.callers import KEYED_OPERATORS, OPERATOR
from tests.unit.ingest.fakes import NOON
from tests.unit.ingest.test_keys import KeysInMemory


class Sender:
    """Sends a key order that ends with blanks, and notes how much of it was taken."""

    def __init__(self) -> None:
        self.taken = 0
        self.app = service_app("ingest", {}, operators=KEYED_OPERATORS, debug=False)
        keys = MadeKeys(KeysInMemory(), now=lambda: NOON, new_token=new_token)
        self.app.include_router(keys_router(keys, KEYED_OPERATORS))

    async def post(self, size: int, *, is_announced: bool, headers: dict[str, str]) -> httpx2.Response:
        async def pieces() -> AsyncIterator[bytes]:
            while self.taken < size:
                piece = b'{"owner":"shop","name":"a"}' if not self.taken else b" " * min(4096, size - self.taken)
                self.taken += len(piece)
                yield piece

        length = {"Content-Length": str(size)} if is_announced else {}
        sent = {"Content-Type": "application/json", **length, **headers}
        transport = httpx2.ASGITransport(self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/v1/keys", content=pieces(), headers=sent)


@pytest.mark.checklist("I1")
@pytest.mark.parametrize("headers", [{}, OPERATOR], ids=["stranger", "operator"])
@pytest.mark.parametrize("is_announced", [True, False], ids=["announced", "chunked"])
async def test_a_body_of_json_that_is_too_large_is_refused_and_not_read_to_its_end(
    is_announced: bool, headers: dict[str, str]
) -> None:
    sender = Sender()
    answer = await sender.post(100 * MAX_BODY_BYTES, is_announced=is_announced, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:pixelmill:problem:too-large")
    assert answer.headers["content-type"] == "application/problem+json"
    assert sender.taken <= MAX_BODY_BYTES + 4096


def test_the_largest_order_to_replay_dead_letters_is_taken() -> None:
    order = ReplayOrderBody(ids=["x" * LONGEST_ID] * MOST_LETTERS)
    longest = len("webhooks.dlt.v1") + 64 + len(f":{LARGEST_PARTITION}:{LARGEST_OFFSET}")
    assert longest <= LONGEST_ID
    assert len(json.dumps(order.model_dump())) <= MAX_BODY_BYTES


async def test_a_body_of_json_may_have_as_many_bytes_as_are_taken() -> None:
    answer = await Sender().post(MAX_BODY_BYTES, is_announced=True, headers=OPERATOR)
    assert answer.status_code == 201
