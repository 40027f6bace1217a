"""What operators get over HTTP: dead letters in groups and pages, and replays."""

from typing import Any

import httpx2
import pytest

from services.aggregator.api.dead_letter_answer import record_bytes
from services.aggregator.api.dead_letters import dead_letters_router
from services.aggregator.dead_letter_replays import replays, topics_to_return_to
from services.aggregator.domain.dead_letter import DeadLetter
from services.aggregator.replay_dead_letters import ReplayDeadLetters
from shared.http.app import service_app
from shared.http.callers import Operators
from tests.callers import ALL_OPERATORS, KEYED_OPERATORS
from tests.unit.aggregator.dead_letter_fakes import (
    FakeLetters,
    FakeRecords,
    delivery_letter,
    image_letter,
    undecodable_letter,
)
from tests.unit.aggregator.fakes import REQUEST, noon


class Stage:
    def __init__(self, *letters: DeadLetter, operators: Operators = ALL_OPERATORS) -> None:
        self.letters, self.records = FakeLetters(*letters), FakeRecords()
        ways = replays(self.records, topics_to_return_to(lambda topic: topic.name), source="pixelmill/test", now=noon)
        self.app = service_app("aggregator", {}, operators=ALL_OPERATORS, debug=False)
        replay = ReplayDeadLetters(self.letters, ways, now=noon)
        self.app.include_router(dead_letters_router(self.letters, replay, operators=operators))

    async def get(self, path: str = "", status: int = 200) -> Any:
        return await self._ask("GET", path, status)

    async def replay(self, status: int = 200, **order: object) -> Any:
        return await self._ask("POST", "/replay", status, json=order)

    async def _ask(self, method: str, path: str, status: int, **more: Any) -> Any:
        transport = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.request(method, f"/v1/dead-letters{path}", **more)
        assert answer.status_code == status, answer.text
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
        return answer.json()


async def test_groups_come_with_the_newest_first_and_letters_with_origin_and_payload() -> None:
    found = await Stage(image_letter(0), image_letter(1), delivery_letter(2)).get()
    assert [(group["kind"], group["count"], group["replayed"]) for group in found["groups"]] == [
        ("delivery", 1, 0),
        ("image", 2, 0),
    ]
    assert [item["id"] for item in found["items"]] == ["webhooks.dlt.v1:0:2", "images.dlt.v1:0:1", "images.dlt.v1:0:0"]
    newest = found["items"][0]
    assert newest["origin"] == {"topic": "requests.progress.v1", "partition": 2, "offset": 17}
    assert newest["key"] == {"text": "key", "base64": False, "bytes": 3, "cut": False}
    assert newest["at"] == "2026-03-01T12:00:02.000Z"
    assert found["next_cursor"] is None


async def test_pages_follow_one_another() -> None:
    stage = Stage(*(image_letter(offset) for offset in range(5)))
    first = await stage.get("?limit=3")
    rest = await stage.get(f"?limit=3&cursor={first['next_cursor']}")
    offsets = [item["id"][-1] for page in (first, rest) for item in page["items"]]
    assert (offsets, rest["next_cursor"]) == (["4", "3", "2", "1", "0"], None)


async def test_letters_are_found_by_kind_code_and_request() -> None:
    stage = Stage(image_letter(0), delivery_letter(0), undecodable_letter(0))
    assert [item["kind"] for item in (await stage.get("?kind=delivery"))["items"]] == ["delivery"]
    assert len((await stage.get(f"?request_id={REQUEST}"))["items"]) == 2
    assert (await stage.get("?code=http_404")) == {"groups": [], "items": [], "next_cursor": None}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "kind=other", "request_id=x", "cursor=x", "code=", "code=%00", "cod=timeout"]
)
async def test_a_filter_that_is_not_valid_is_refused(query: str) -> None:
    assert (await Stage().get(f"?{query}", 422))["type"] == "urn:pixelmill:problem:invalid-parameters"


async def test_a_letter_is_shown_by_its_id() -> None:
    stage = Stage(undecodable_letter(0, value=b"\xff", headers=(("a", b"\xfe"), ("none", None))))
    letter = await stage.get("/undecodable.dlt.v1:0:0")
    assert letter["payload"] == {"text": "/w==", "base64": True, "bytes": 1, "cut": False}
    assert [header["name"] for header in letter["headers"]] == ["a", "none"]
    assert letter["headers"][1]["value"] is None


@pytest.mark.parametrize("name", ["undecodable.dlt.v1:0:9", "x", "replay", "%00:1:1"])
async def test_an_unknown_letter_is_not_found(name: str) -> None:
    assert (await Stage().get(f"/{name}", 404))["type"] == "urn:pixelmill:problem:unknown-letter"


async def test_a_dry_run_and_the_replay_name_the_same_letters() -> None:
    stage = Stage(image_letter(0), image_letter(1))
    planned = await stage.replay(code="timeout", dry_run=True)
    done = await stage.replay(code="timeout")
    assert (planned["dry_run"], done["dry_run"]) == (True, False)
    assert [item["outcome"] for item in planned["items"] + done["items"]] == ["would_replay"] * 2 + ["replayed"] * 2
    assert [(item["id"], item["action"], item["target"]) for item in planned["items"]] == [
        (item["id"], item["action"], item["target"]) for item in done["items"]
    ]
    assert len(stage.records.sent) == 1


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"kind": "image"},
        {"ids": []},
        {"ids": ["x"]},
        {"ids": ["images.dlt.v1:0:0"], "code": "timeout"},
        {"ids": ["images.dlt.v1:0:0"], "kind": "image"},
        {"ids": ["images.dlt.v1:0:0"] * 1001},
        {"code": "timeout", "again": True},
        {"code": "timeout", "limit": 1001},
        {"code": "timeout", "limit": 0},
        {"code": "timeout", "limit": "5"},
        {"code": "timeout", "dry_run": 0},
        {"code": "timeout", "cursor": "x"},
        {"code": "a\0b"},
        {"code": "timeout", "dryrun": True},
        {"request_id": "x"},
    ],
)
async def test_an_order_that_is_not_clear_is_refused_and_replays_nothing(order: dict[str, object]) -> None:
    stage = Stage(image_letter(0))
    assert (await stage.replay(422, **order))["type"] == "urn:pixelmill:problem:invalid-parameters"
    assert stage.records.sent == []


async def test_a_second_replay_at_the_same_time_is_a_conflict() -> None:
    stage = Stage(image_letter(0))
    stage.letters.is_replaying = True
    assert (await stage.replay(409, code="timeout"))["type"] == "urn:pixelmill:problem:replay-running"


async def test_when_nothing_could_be_replayed_that_is_an_error_and_otherwise_it_is_told() -> None:
    stage = Stage(undecodable_letter(0), undecodable_letter(1))
    stage.records.away_from = 0
    assert (await stage.replay(503, code="timeout"))["type"] == "urn:pixelmill:problem:part-away"
    stage.records.away_from = 1
    half = await stage.replay(code="timeout")
    assert ([item["outcome"] for item in half["items"]], half["stopped"]) == (
        ["replayed", "failed"],
        "kafka is away: no acknowledgement in time",
    )


async def test_without_a_key_nothing_is_told() -> None:
    stage = Stage(image_letter(0), operators=KEYED_OPERATORS)
    assert (await stage.get("", 401))["type"] == "urn:pixelmill:problem:operator-key-required"
    assert (await stage.replay(401, code="timeout"))["type"] == "urn:pixelmill:problem:operator-key-required"


def test_a_cut_through_a_character_leaves_text() -> None:
    shown = record_bytes("für".encode()[:2], 4)
    assert (shown.text, shown.base64, shown.cut) == ("f", False, True)
    assert record_bytes("für".encode()[:2], 2).base64
