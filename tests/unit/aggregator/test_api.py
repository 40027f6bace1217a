"""What users get over HTTP: status, results, CSVs, pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from services.aggregator.api.csvs import csv_router
from services.aggregator.api.images import ImagePages, images_router
from services.aggregator.api.links import Links
from services.aggregator.api.pictures import pictures_router
from services.aggregator.api.status import status_router
from services.aggregator.api.statuses import Statuses
from services.aggregator.domain.completion import Standing, Tally
from services.aggregator.known_requests import row_of
from shared import object_keys
from shared.http.app import service_app
from shared.http.callers import Callers
from shared.ids import Owner, RequestId
from shared.object_memory import MemoryObjects
from shared.picture_urls import PictureUrls
from shared.request_files import ManifestImage
from tests.callers import ALL_OPERATORS, EVERYONE, MemoryKeys, keyed
from tests.unit.aggregator.fakes import NOON, REQUEST, FakeListedRequests, request_file

OTHER = "00000000-0000-4000-8000-000000000000"
URLS = PictureUrls("https://agg.example", b"key")
KEY = f"{REQUEST}/0/compressed.jpg"


class Results:
    """Two results: one failed, one succeeded."""

    async def standings(self, request_ids: Sequence[RequestId]) -> Mapping[RequestId, Standing]:
        tally = Tally(succeeded=1, failed=1, bytes_in=100, bytes_out=25, failures_by_code={"timeout": 1})
        return dict.fromkeys(request_ids, Standing(tally, {"b.example": 1}))

    async def page(
        self, request_id: RequestId, *, after: int, outcome: str | None, code: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        found = [self._result(0, "failed", "timeout"), self._result(1, "succeeded", None)]
        return [each for each in found if each["index"] > after and outcome in (None, each["outcome"])][:limit]

    def _result(self, index: int, outcome: str, code: str | None) -> dict[str, Any]:
        recorded = {"row": 1, "line": 2, "slot": index, "serial_number": "7", "product_name": "Cup"}
        manifest = {**recorded, "source_url": "http://a"} if index else {"row": None}
        rendition = {"name": "compressed", "key": KEY, "format": "jpeg", "width": 1, "height": 1, "bytes": 9}
        return {
            **manifest,
            "index": index,
            "outcome": outcome,
            "note": None,
            "error_code": code,
            "error_message": code and "It took too long.",
            "source": None,
            "renditions": [] if code else [{**rendition, "sha256": "00"}],
            "attempts": 1,
        }


class Manifests:
    """The manifest of the first result's chunk, which is not recorded yet."""

    def __init__(self) -> None:
        self.read: list[int] = []

    async def manifest(self, request_id: RequestId, chunk: int) -> Sequence[ManifestImage]:
        self.read.append(chunk)
        return [
            ManifestImage(index=index, row=1, line=2, slot=index, serial_number="7", product_name="Cup", url="http://a")
            for index in range(2)
        ]


class Stage:
    def __init__(self, callers: Callers = EVERYONE) -> None:
        self.listed, self.store, self.manifests = FakeListedRequests(), MemoryObjects(), Manifests()
        self.listed.put(row_of(request_file()))
        links = Links("https://in.example", "https://agg.example", "https://not.example")
        statuses = Statuses(self.listed, Results(), links)
        self.app = service_app("aggregator", {}, operators=ALL_OPERATORS, debug=False)
        self.app.include_router(status_router(statuses, callers=callers))
        self.app.include_router(images_router(statuses, ImagePages(Results(), self.manifests, URLS), callers=callers))
        self.app.include_router(csv_router(statuses, self.store, "requests", callers=callers))
        self.app.include_router(pictures_router(self.store, "images", URLS, valid_for=timedelta(minutes=5)))

    async def get(self, path: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path)

    def assemble(self, *, failures: bool = True) -> None:
        row = replace(
            row_of(request_file()),
            started_at=NOON,
            end_state="completed",
            assembled_at=NOON,
            tally=Tally(succeeded=7, failed=1, bytes_in=700, bytes_out=175, failures_by_code={"timeout": 1}),
            failures_by_host={"a.example": 1},
            output_sha256="aa",
            failures_sha256="bb" if failures else None,
        )
        self.listed.put(row)
        for key in (object_keys.output_csv(REQUEST), object_keys.failures_csv(REQUEST)):
            self.store.objects["requests", key] = key.encode()


async def test_links_lead_to_what_exists() -> None:
    own = f"https://agg.example/v1/requests/{REQUEST}"
    assert (await Stage().get(f"/v1/requests/{REQUEST}")).json()["links"] == {
        "self": own,
        "images": f"{own}/images",
        "output_csv": f"{own}/output.csv",
        "failures_csv": f"{own}/failures.csv",
        "events": None,
        "cancel": f"https://in.example/v1/requests/{REQUEST}/cancel",
        "retry": None,
        "deliveries": f"https://not.example/v1/requests/{REQUEST}/deliveries",
    }


async def test_what_has_ended_cannot_be_cancelled_and_is_retried_if_something_failed() -> None:
    stage = Stage()
    stage.assemble()
    links = (await stage.get(f"/v1/requests/{REQUEST}")).json()["links"]
    assert (links["cancel"], links["retry"]) == (None, f"https://in.example/v1/requests/{REQUEST}/retry")


async def test_a_request_without_failures_has_nothing_to_retry() -> None:
    stage = Stage()
    row = replace(row_of(request_file()), end_state="completed", assembled_at=NOON, tally=Tally(succeeded=8))
    stage.listed.put(replace(row, failures_by_host={}, output_sha256="aa"))
    links = (await stage.get(f"/v1/requests/{REQUEST}")).json()["links"]
    assert (links["cancel"], links["retry"]) == (None, None)


async def test_a_running_request_tells_its_failures_so_far() -> None:
    status = (await Stage().get(f"/v1/requests/{REQUEST}")).json()
    assert status["failures"] == {"by_code": {"timeout": 1}, "by_host": {"b.example": 1}}
    assert (status["state"], status["completed_at"]) == ("pending", None)


@pytest.mark.checklist("N16")
@pytest.mark.parametrize("path", ["", "/images", "/output.csv", "/failures.csv"])
async def test_somebody_elses_request_is_404(path: str) -> None:
    stage = Stage()
    stage.listed.put(replace(row_of(request_file()), owner=Owner("somebody else")))
    assert (await stage.get(f"/v1/requests/{REQUEST}{path}")).status_code == 404


async def test_a_status_puts_failures_before_successes() -> None:
    stage = Stage()
    stage.assemble()
    status = (await stage.get(f"/v1/requests/{REQUEST}")).json()
    assert status["progress"] == {
        "percent": 100.0,
        "failed": 1,
        "not_attempted": 0,
        "succeeded": 7,
        "images_done": 8,
        "images_total": 8,
    }
    assert list(status).index("failures") < list(status).index("progress")
    assert status["failures"] == {"by_code": {"timeout": 1}, "by_host": {"a.example": 1}}
    assert status["bytes"] == {"in": 700, "out": 175, "saved_percent": 75.0}
    assert status["submitted_at"] == "2026-03-01T12:00:00.000Z"


async def test_an_end_that_is_claimed_and_not_assembled_is_not_shown_yet() -> None:
    stage = Stage()
    stage.listed.put(replace(row_of(request_file()), started_at=NOON, end_state="completed"))
    status = (await stage.get(f"/v1/requests/{REQUEST}")).json()
    assert (status["state"], status["completed_at"]) == ("processing", None)


@pytest.mark.parametrize("request_id", [OTHER, "x", REQUEST.upper(), f"{REQUEST}x", "%00"])
@pytest.mark.parametrize("path", ["", "/images", "/output.csv", "/failures.csv"])
async def test_unknown_and_malformed_ids_are_404(request_id: str, path: str) -> None:
    answer = await Stage().get(f"/v1/requests/{request_id}{path}")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:pixelmill:problem:unknown-request"


@pytest.mark.parametrize("path", ["", "/images", "/output.csv", "/failures.csv"])
async def test_without_a_key_nobody_is_answered_when_keys_are_required(path: str) -> None:
    answer = await Stage(keyed(MemoryKeys())).get(f"/v1/requests/{REQUEST}{path}")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert (await Stage(keyed(MemoryKeys())).get("/healthz")).status_code == 200


async def test_images_tell_where_they_stand_and_what_became_of_them() -> None:
    stage = Stage()
    page = (await stage.get(f"/v1/requests/{REQUEST}/images?limit=1")).json()
    assert page["items"] == [
        {
            "index": 0,
            "row": 1,
            "line": 2,
            "slot": 0,
            "serial_number": "7",
            "product_name": "Cup",
            "source_url": "http://a",
            "outcome": "failed",
            "note": None,
            "error": {"code": "timeout", "message": "It took too long."},
            "source": None,
            "renditions": [],
            "attempts": 1,
        }
    ]
    rest = (await stage.get(f"/v1/requests/{REQUEST}/images?cursor={page['next_cursor']}")).json()
    assert rest["next_cursor"] is None
    assert stage.manifests.read == [0], "only what is not recorded is read from the manifest"
    assert (rest["items"][0]["product_name"], rest["items"][0]["source_url"]) == ("Cup", "http://a")
    (rendition,) = rest["items"][0]["renditions"]
    assert rendition == {
        "name": "compressed",
        "url": URLS.url(KEY),
        "format": "jpeg",
        "width": 1,
        "height": 1,
        "bytes": 9,
    }


@pytest.mark.parametrize("query", ["outcome=odd", "limit=0", "limit=501", "cursor=x", "code=odd", "colour=red"])
async def test_parameters_that_make_no_sense_are_422_and_named(query: str) -> None:
    answer = await Stage().get(f"/v1/requests/{REQUEST}/images?{query}")
    assert answer.status_code == 422
    assert [error["column"] for error in answer.json()["errors"]] == [query.partition("=")[0]]


@pytest.mark.checklist("A8")
@pytest.mark.parametrize("name", ["output.csv", "failures.csv"])
async def test_csvs_are_404_before_the_end_and_attachments_after_it(name: str) -> None:
    stage = Stage()
    early = await stage.get(f"/v1/requests/{REQUEST}/{name}")
    assert (early.status_code, early.headers["Retry-After"]) == (404, "2")
    stage.assemble()
    answer = await stage.get(f"/v1/requests/{REQUEST}/{name}")
    assert answer.text == f"{REQUEST}/{name}"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{REQUEST}-{name}"'


async def test_there_is_no_failures_file_when_nothing_failed() -> None:
    stage = Stage()
    stage.assemble(failures=False)
    answer = await stage.get(f"/v1/requests/{REQUEST}/failures.csv")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:pixelmill:problem:no-failures"
    assert "Retry-After" not in answer.headers


@pytest.mark.checklist("A6")
async def test_a_signed_url_leads_to_the_picture_without_a_key() -> None:
    stage = Stage(keyed(MemoryKeys()))
    stage.store.objects["images", KEY] = b"picture"
    answer = await stage.get(URLS.url(KEY))
    assert answer.status_code == 302
    assert KEY in answer.headers["Location"]


@pytest.mark.checklist("A6")
@pytest.mark.parametrize("query", ["", "?s=", "?s=AAAA", "?s=%C3%BC"])
async def test_a_wrong_signature_is_refused(query: str) -> None:
    stage = Stage()
    stage.store.objects["images", KEY] = b"picture"
    assert (await stage.get(f"/v1/images/{KEY}{query}")).status_code == 403


@pytest.mark.checklist("A6")
async def test_a_deleted_picture_is_gone() -> None:
    assert (await Stage().get(URLS.url(KEY))).status_code == 410


async def test_storage_that_is_away_is_503() -> None:
    stage = Stage()
    stage.store.is_away = True
    assert (await stage.get(URLS.url(KEY))).status_code == 503
