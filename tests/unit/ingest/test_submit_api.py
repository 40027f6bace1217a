"""`POST /v1/requests` over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from services.ingest.api.answers import PublicUrls
from services.ingest.api.submit import FORM_OVERHEAD_BYTES, SUBMISSIONS, SubmitApi, submit_router
from services.ingest.api.upload_bodies import MAX_FIELD_BYTES
from shared.http.app import service_app
from shared.http.callers import Callers
from tests.callers import ALL_OPERATORS, EVERYONE, MemoryKeys, keyed
from tests.unit.ingest.fakes import GOOD_CSV, HEADER, JUDGE, RECIPES, csv_of
from tests.unit.ingest.test_submit_csv import Ingest

URLS = PublicUrls("http://in.example/", "http://agg.example", "http://note.example")
CSV = {"Content-Type": "text/csv"}


class Api:
    def __init__(
        self,
        *,
        callers: Callers = EVERYONE,
        max_bytes: int = 100_000,
        upload_timeout: float = 60,
        max_images: int = 100,
    ) -> None:
        self.ingest = Ingest(upload_timeout=upload_timeout, max_images=max_images)
        self.app = service_app("ingest", {}, operators=ALL_OPERATORS, debug=False, uploads=[SUBMISSIONS])
        api = SubmitApi(callers, max_bytes, URLS, recipes=RECIPES.names, url_problem=JUDGE)
        self.app.include_router(submit_router(self.ingest.submit, api))

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx2.AsyncClient]:
        transport = httpx2.ASGITransport(self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://ingest") as client:
            yield client

    async def post(self, **arguments: Any) -> httpx2.Response:
        async with self.client() as client:
            return await client.post("/v1/requests", **arguments)


def form(*parts: tuple[str, str | None, str], end: str = "--") -> dict[str, Any]:
    """A multipart body of (name, filename, value), in this order."""
    body = ""
    for name, filename, value in parts:
        named = "" if filename is None else f'; filename="{filename}"'
        body += f'--frontier\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n{value}\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=frontier"}
    return {"content": f"{body}--frontier{end}\r\n".encode(), "headers": headers}


async def test_a_form_with_a_file_is_answered_with_202_and_where_to_look() -> None:
    api = Api()
    answer = await api.post(files={"file": ("products.csv", GOOD_CSV)}, data={"quality": "40"})
    assert answer.status_code == 202
    body = answer.json()
    name = body["request_id"]
    assert (body["state"], body["rows"], body["images_total"]) == ("pending", 2, 3)
    assert body["status_url"] == answer.headers["location"] == f"http://agg.example/v1/requests/{name}"
    assert body["links"] == {
        "self": f"http://agg.example/v1/requests/{name}",
        "images": f"http://agg.example/v1/requests/{name}/images",
        "output_csv": f"http://agg.example/v1/requests/{name}/output.csv",
        "failures_csv": f"http://agg.example/v1/requests/{name}/failures.csv",
        "events": None,
        "cancel": f"http://in.example/v1/requests/{name}/cancel",
        "retry": None,
        "deliveries": f"http://note.example/v1/requests/{name}/deliveries",
    }
    assert api.ingest.rows.requests[name].recipe.renditions[0].quality == 40


async def test_the_csv_alone_is_taken_with_options_in_the_query() -> None:
    api = Api()
    answer = await api.post(content=GOOD_CSV.encode(), headers=CSV, params={"format": "webp"})
    assert answer.status_code == 202
    (request,) = api.ingest.rows.requests.values()
    assert request.recipe.renditions[0].format == "webp"


@pytest.mark.parametrize(("query", "status"), [({}, 202), ({"encoding": "utf-8"}, 422)])
async def test_a_charset_names_the_encoding_unless_the_option_does(query: dict[str, str], status: int) -> None:
    headers = {"Content-Type": "text/csv; charset=windows-1252"}
    answer = await Api().post(content=GOOD_CSV.replace("Lamp", "Café").encode("cp1252"), headers=headers, params=query)
    assert answer.status_code == status


async def test_options_may_follow_the_file() -> None:
    api = Api()
    answer = await api.post(**form(("file", "a.csv", GOOD_CSV), ("failed_slots", None, "empty")))
    assert answer.status_code == 202
    (request,) = api.ingest.rows.requests.values()
    assert request.failed_slots == "empty"


async def test_an_invalid_csv_is_answered_with_all_its_errors() -> None:
    api = Api()
    answer = await api.post(content=csv_of("x,,", "2,b,ftp://a.example/").encode(), headers=CSV)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["type"], problem["errors_total"]) == ("urn:pixelmill:problem:invalid-csv", 4)
    assert problem["errors"][0] == {
        "row": 1,
        "line": 2,
        "column": "Serial Number",
        "code": "not_an_integer",
        "message": '"x" is not a whole number.',
    }
    assert api.ingest.is_untouched()


@pytest.mark.checklist("I3")
@pytest.mark.parametrize(
    ("parts", "status", "kind"),
    [
        ([("quality", None, "40")], 422, "no-file"),
        ([("file", "a.csv", GOOD_CSV), ("file", "b.csv", GOOD_CSV)], 422, "several-files"),
        ([("picture", "a.csv", GOOD_CSV)], 422, "unexpected-file"),
        ([("colour", None, "red"), ("file", "a.csv", GOOD_CSV)], 422, "invalid-options"),
        ([("file", "a.csv", GOOD_CSV), ("colour", None, "red")], 422, "invalid-options"),
        ([("file", "a.csv", GOOD_CSV), ("quality", None, "0")], 422, "invalid-options"),
        ([("quality", None, "40"), ("quality", None, "50"), ("file", "a.csv", GOOD_CSV)], 422, "invalid-options"),
        ([("file", "a.csv", GOOD_CSV), ("encoding", None, "cp1252")], 422, "invalid-options"),
        ([("metadata", None, "x" * (MAX_FIELD_BYTES + 1)), ("file", "a.csv", GOOD_CSV)], 422, "invalid-options"),
        ([("file", "a.csv", "")], 422, "invalid-csv"),
        ([("file", "a.csv", HEADER)], 422, "invalid-csv"),
    ],
)
async def test_a_form_that_is_not_as_documented_is_refused(
    parts: list[tuple[str, str | None, str]], status: int, kind: str
) -> None:
    api = Api()
    answer = await api.post(**form(*parts))
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:pixelmill:problem:{kind}")
    assert api.ingest.is_untouched()


@pytest.mark.checklist("I3")
async def test_a_form_that_is_cut_off_is_refused() -> None:
    api = Api()
    cut = form(("file", "a.csv", GOOD_CSV), end="")
    answer = await api.post(**cut)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:pixelmill:problem:malformed-multipart")
    assert api.ingest.is_untouched()


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {},
        {"Content-Type": "multipart/form-data"},
        {"Content-Type": "text/csv", "Content-Encoding": "gzip"},
    ],
)
async def test_another_media_type_is_refused(headers: dict[str, str]) -> None:
    api = Api()
    answer = await api.post(content=b"{}", headers=headers)
    assert answer.status_code == 415
    assert api.ingest.is_untouched()


async def endless(data: bytes) -> AsyncIterator[bytes]:
    while True:
        yield data


@pytest.mark.checklist("I1")
async def test_a_body_beyond_the_limit_is_refused_whether_its_length_is_known_or_not() -> None:
    api = Api(max_bytes=10_000)
    known = await api.post(content=GOOD_CSV.encode() + b"\n" * 10_000, headers=CSV)
    unknown = await api.post(content=endless(b"\n" * 1000), headers=CSV)
    assert (known.status_code, unknown.status_code) == (413, 413)
    assert known.headers["content-type"] == "application/problem+json"
    assert api.ingest.is_untouched()


@pytest.mark.checklist("I1")
async def test_a_form_file_beyond_the_limit_is_refused() -> None:
    api = Api(max_bytes=10_000)
    answer = await api.post(files={"file": ("a.csv", "\n" * 10_001)})
    assert answer.status_code == 413
    assert FORM_OVERHEAD_BYTES > 10_001
    assert (await api.post(files={"file": ("a.csv", GOOD_CSV + "\n" * (10_000 - len(GOOD_CSV)))})).status_code == 202


@pytest.mark.checklist("I2")
async def test_a_trickling_upload_is_cut() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield GOOD_CSV.encode()
        await asyncio.Event().wait()

    api = Api(upload_timeout=0.05)
    answer = await api.post(content=trickle(), headers=CSV)
    assert (answer.status_code, answer.json()["type"]) == (408, "urn:pixelmill:problem:upload-too-slow")
    assert api.ingest.is_untouched()


@pytest.mark.checklist("I12")
async def test_the_same_key_gives_the_same_answer_and_another_body_is_refused() -> None:
    api = Api()
    headers = {**CSV, "Idempotency-Key": "order-17"}
    first = await api.post(content=GOOD_CSV.encode(), headers=headers)
    again = await api.post(files={"file": ("a.csv", GOOD_CSV)}, headers={"Idempotency-Key": "order-17"})
    other = await api.post(content=GOOD_CSV.encode(), headers=headers, params={"quality": 40})
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert other.json()["type"] == "urn:pixelmill:problem:idempotency-key-mismatch"


@pytest.mark.checklist("I12")
@pytest.mark.parametrize("key", ["", "with blank", "x" * 256])
async def test_a_key_that_is_no_key_is_refused(key: str) -> None:
    answer = await Api().post(content=GOOD_CSV.encode(), headers={**CSV, "Idempotency-Key": key})
    assert answer.status_code == 400


@pytest.mark.checklist("I15")
async def test_a_part_that_is_away_is_503_with_retry_after() -> None:
    api = Api()
    api.ingest.rows.is_away = True
    answer = await api.post(content=GOOD_CSV.encode(), headers=CSV)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert api.ingest.is_untouched()


async def test_a_dry_run_is_answered_with_200_and_findings() -> None:
    answer = await Api().post(content=csv_of("1,a,").encode(), headers=CSV, params={"dry_run": "true"})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["valid"], body["rows"], body["images_total"], body["errors_total"]) == (False, 1, 0, 1)


async def test_without_keys_nobody_is_let_in_when_authentication_is_required() -> None:
    api = Api(callers=keyed(MemoryKeys()))
    answer = await api.post(content=GOOD_CSV.encode(), headers=CSV)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    async with api.client() as client:
        assert (await client.get("/healthz")).status_code == 200
    assert api.ingest.is_untouched()


async def test_a_client_that_goes_away_leaves_nothing_behind() -> None:
    api = Api()
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": GOOD_CSV.encode(), "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http", "method": "POST", "path": "/v1/requests", "raw_path": b"/v1/requests", "query_string": b"",
        "headers": [(b"content-type", b"text/csv")], "http_version": "1.1", "scheme": "http", "root_path": "",
        "server": ("ingest", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(message: Any) -> None:
        pass

    await api.app(scope, receive, send)
    assert api.ingest.is_untouched()
