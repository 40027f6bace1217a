"""What a submitter is told: what was found in the file, what it would cost, what is wrong, in the wanted form."""

import csv
import io

import pytest

from tests.unit.ingest.fakes import GOOD_CSV, csv_of, images_of
from tests.unit.ingest.test_earlier_outputs import good, written
from tests.unit.ingest.test_submit_api import CSV, Api, form

KEEP = {"on_invalid": "keep"}


@pytest.mark.parametrize(
    "kind",
    [
        "text/csv; header=present", "TEXT/CSV", "application/csv", "application/vnd.ms-excel", "text/plain",
        "text/tab-separated-values", "text/comma-separated-values",
    ],
)  # fmt: skip
async def test_every_type_that_browsers_give_a_csv_is_taken(kind: str) -> None:
    answer = await Api().post(content=GOOD_CSV.encode(), headers={"Content-Type": kind})
    assert answer.status_code == 202


@pytest.mark.parametrize(("name", "status"), [("products.CSV", 202), ("products.xlsx", 415), ("", 415)])
async def test_bytes_are_taken_when_they_are_named_a_csv(name: str, status: int) -> None:
    headers = {"Content-Type": "application/octet-stream", "Content-Disposition": f'attachment; filename="{name}"'}
    answer = await Api().post(content=GOOD_CSV.encode(), headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("kind", ["application/vnd.ms-excel", "application/octet-stream", "image/png"])
async def test_the_type_of_a_part_does_not_matter(kind: str) -> None:
    assert (await Api().post(files={"file": ("products.csv", GOOD_CSV, kind)})).status_code == 202


async def test_tolerated_findings_are_warnings_and_come_back_with_a_repeated_key() -> None:
    api = Api()
    headers = {**CSV, "Idempotency-Key": "order-18"}
    body = csv_of("1,Lamp,nonsense", "2,,https://a.example/1.jpg").encode()
    first = await api.post(content=body, headers=headers, params=KEEP)
    again = await api.post(content=body, headers=headers, params=KEEP)
    assert (first.status_code, first.json()["warnings_total"]) == (202, 2)
    assert [(item["row"], item["code"]) for item in first.json()["warnings"]] == [(1, "invalid_url"), (2, "required")]
    assert again.json() == first.json()


async def test_at_most_a_hundred_warnings_are_listed_and_all_are_counted() -> None:
    answer = await Api(max_images=200).post(
        content=csv_of(*(f"{row},,https://a.example/1.jpg" for row in range(150))).encode(), headers=CSV, params=KEEP
    )
    body = answer.json()
    assert (len(body["warnings"]), body["warnings_total"]) == (100, 150)


async def test_a_dry_run_says_what_it_would_be() -> None:
    same = csv_of(*(f"{row},a,https://a.example/{row % 3}.jpg" for row in range(9)))
    answer = await Api().post(content=same.encode(), headers=CSV, params={"dry_run": "true"})
    body = answer.json()
    assert body["estimate"] == {"images": 9, "distinct_urls": 3, "chunks": 5, "lane": "bulk"}
    assert body["csv"] == {"encoding": "utf-8", "delimiter": ",", "line_ending": "\n", "bom": False}


async def test_a_dry_run_that_is_asked_for_after_the_file_does_not_know_the_distinct_urls() -> None:
    answer = await Api().post(**form(("file", "a.csv", GOOD_CSV), ("dry_run", None, "true")))
    assert answer.json()["estimate"] == {"images": 3, "distinct_urls": None, "chunks": 2, "lane": "bulk"}


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 workbook", b"\xff\xfe\x00"])
async def test_a_dry_run_of_what_is_no_csv_is_an_answer_too(data: bytes) -> None:
    answer = await Api().post(content=data, headers=CSV, params={"dry_run": "true"})
    assert (answer.status_code, answer.json()["valid"], answer.json()["errors_total"]) == (200, False, 1)


@pytest.mark.checklist("I9")
@pytest.mark.parametrize("accept", ["text/csv", "application/json;q=0.5, Text/CSV;q=0.9"])
async def test_errors_come_as_csv_when_asked_for(accept: str) -> None:
    api = Api()
    body = csv_of("x,Lamp,=cmd()", "1,Lamp,").encode()
    answer = await api.post(content=body, headers={**CSV, "Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "text/csv; charset=utf-8")
    assert answer.headers["errors-total"] == "3"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [(row["row"], row["line"], row["column"], row["code"]) for row in rows] == [
        ("1", "2", "Serial Number", "not_an_integer"),
        ("1", "2", "Image URLs", "invalid_url"),
        ("2", "3", "Image URLs", "required"),
    ]
    assert api.ingest.is_untouched()


async def test_an_unknown_recipe_is_refused_and_the_known_ones_are_named() -> None:
    answer = await Api().post(content=GOOD_CSV.encode(), headers=CSV, params={"recipe": "poster"})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["column"], error["code"]) == (422, "recipe", "unknown_recipe")
    assert "default, with_thumbnail" in error["message"]


async def test_a_recipe_is_frozen_into_the_request() -> None:
    api = Api()
    await api.post(**form(("recipe", None, "with_thumbnail"), ("file", "a.csv", GOOD_CSV), ("quality", None, "30")))
    (request,) = api.ingest.rows.requests.values()
    assert request.recipe.name == "with_thumbnail"
    assert [(item.name, item.quality) for item in request.recipe.renditions] == [("compressed", 30), ("thumbnail", 75)]


async def test_a_recipe_behind_the_file_comes_too_late() -> None:
    answer = await Api().post(**form(("file", "a.csv", GOOD_CSV), ("recipe", None, "with_thumbnail")))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "too_late")


async def test_an_output_that_is_posted_back_says_how_much_is_carried_over() -> None:
    answer = await Api().post(content=written([good(1), good(2)]).encode(), headers=CSV)
    assert (answer.json()["images_total"], answer.json()["carried_over"]) == (2, 2)


async def test_options_that_the_submitter_did_not_give_have_no_effect_on_the_answer() -> None:
    answer = await Api().post(content=images_of(1).encode(), headers=CSV)
    assert (answer.json()["carried_over"], answer.json()["warnings"]) == (0, [])
