"""Lists of requests over HTTP: newest first, in pages, and no parameter that is silently ignored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx2
import pytest

from services.aggregator.api.links import Links
from services.aggregator.api.status import status_router
from services.aggregator.api.statuses import Statuses
from services.aggregator.domain.request_list import (
    BEGINNING,
    Place,
    cursor_after,
    first_place,
)
from services.aggregator.known_requests import row_of
from shared.http.app import service_app
from shared.ids import LOCAL_OWNER, Owner, RequestId
from shared.list_cursors import NotACursor
from tests.callers import ALL_OPERATORS, EVERYONE
from tests.unit.aggregator.fakes import NOON, FakeListedRequests, request_file
from tests.unit.aggregator.test_api import Results


class Stage:
    def __init__(self, requests: int = 0) -> None:
        self.listed = FakeListedRequests()
        self.ids = [RequestId(str(uuid4())) for _ in range(requests)]
        for age, request_id in enumerate(self.ids):
            # Two of each moment, so that the id has to decide.
            row = replace(row_of(request_file(request_id=request_id)), submitted_at=NOON - timedelta(hours=age // 2))
            self.listed.put(row)
        statuses = Statuses(
            self.listed, Results(), Links("https://in.example", "https://agg.example", "https://not.example")
        )
        self.app = service_app("aggregator", {}, operators=ALL_OPERATORS, debug=False)
        self.app.include_router(status_router(statuses, callers=EVERYONE))

    async def get(self, **query: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/v1/requests", params=query)


async def test_pages_together_are_the_whole_list_once() -> None:
    stage = Stage(requests=7)
    seen: list[str] = []
    query = {"limit": "3"}
    while True:
        page = (await stage.get(**query)).json()
        seen += [item["request_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert sorted(seen) == sorted(stage.ids)
    assert seen[-1] == stage.ids[-1]


async def test_items_are_statuses() -> None:
    page = (await Stage(requests=1).get()).json()
    (item,) = page["items"]
    assert (item["state"], item["progress"]["succeeded"], item["failures"]["by_code"]) == ("pending", 1, {"timeout": 1})
    assert page["next_cursor"] is None


@pytest.mark.checklist("N16")
async def test_nobody_elses_request_is_listed() -> None:
    stage = Stage(requests=1)
    stage.listed.put(replace(stage.listed.rows[stage.ids[0]], owner=Owner("somebody else")))
    assert (await stage.get()).json() == {"items": [], "next_cursor": None}


async def test_filters_reach_the_query() -> None:
    stage = Stage()
    since, until = "2026-01-01T00:00:00Z", "2026-02-01T02:00:00+02:00"
    assert (await stage.get(state="failed", since=since, until=until, limit="7")).status_code == 200
    (query,) = stage.listed.queries
    assert (query.owner, query.state, query.limit) == (LOCAL_OWNER, "failed", 7)
    assert query.since == datetime(2026, 1, 1, tzinfo=UTC)
    assert query.after == Place(datetime(2026, 2, 1, tzinfo=UTC), UUID(int=0))


@pytest.mark.parametrize(
    "query",
    [
        {"state": "done"},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"until": "1e400"},
        {"until": "0.5"},
        {"since": "1772366400"},
        {"limit": "0"},
        {"limit": "501"},
        {"cursor": "nonsense"},
        {"cursor": "ÜÜ"},
        {"cursor": cursor_after(BEGINNING)[:-4]},
        {"cursor": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTkuMDA"},
        {"cursor": "x" * 300},
        {"staet": "failed"},
    ],
)
async def test_a_parameter_that_makes_no_sense_is_422_and_named(query: dict[str, str]) -> None:
    answer = await Stage().get(**query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["column"] for error in answer.json()["errors"]] == list(query)


def test_a_cursor_leads_to_its_place() -> None:
    place = Place(datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC), uuid4())
    assert first_place(until=None, cursor=cursor_after(place)) == place


def test_of_a_cursor_and_an_end_the_older_counts() -> None:
    place = Place(NOON, uuid4())
    assert first_place(until=NOON + timedelta(1), cursor=cursor_after(place)) == place
    assert first_place(until=NOON - timedelta(1), cursor=cursor_after(place)).submitted_at == NOON - timedelta(1)
    assert first_place(until=None, cursor=None) == BEGINNING


@pytest.mark.parametrize("cursor", ["", ".", "MTIz", "\ud800", "////"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(NotACursor):
        first_place(until=None, cursor=cursor)
