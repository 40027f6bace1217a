"""A CSV on its way in: findings, rows, manifest."""

import tracemalloc

import pytest

from services.ingest.domain.csv_intake import CsvIntake
from services.ingest.domain.csv_rules import ColumnRule, CsvRules
from services.ingest.domain.findings import MAX_LISTED, shown
from services.ingest.domain.manifest import read_manifest_chunk
from shared.request_files import ManifestImage
from tests.unit.ingest.fakes import GOOD_CSV, HEADER, csv_of, images_of, new_intake, taken


def found(intake: CsvIntake) -> list[tuple[int | None, int | None, str | None, str]]:
    return [(item.row, item.line, item.column, item.code) for item in intake.findings.listed]


@pytest.mark.parametrize("step", [None, 1, 7])
def test_a_good_csv_becomes_a_manifest_in_chunks(step: int | None) -> None:
    intake, chunks = taken(GOOD_CSV, step=step)
    assert (intake.rows, intake.images, intake.chunks, intake.findings.total) == (2, 3, 2, 0)
    assert [chunk.number for chunk in chunks] == [0, 1]
    images = [image for chunk in chunks for image in read_manifest_chunk(chunk.body)]
    assert images == [
        ManifestImage(
            index=index, row=row, line=row + 1, slot=slot, serial_number=str(row), product_name=name,
            url=f"https://a.example/{index + 1}.jpg",
        )
        for index, row, slot, name in [(0, 1, 0, "Lamp"), (1, 2, 0, "Chair"), (2, 2, 1, "Chair")]
    ]  # fmt: skip


def test_names_come_back_from_the_manifest_as_they_were() -> None:
    _, chunks = taken(csv_of('1,"Stuhl „Ö"" \\ 🪑\nzwei",https://a.example/ü.jpg'))
    (image,) = read_manifest_chunk(chunks[0].body)
    assert (image.product_name, image.url) == ('Stuhl „Ö" \\ 🪑\nzwei', "https://a.example/ü.jpg")


@pytest.mark.checklist("I7")
def test_the_shape_of_the_file_is_kept() -> None:
    text = "\ufeffNote;IMAGE urls ; S. No.;product  name\r\nx;https://a.example/1.jpg;1;Lamp\r\n"
    intake, _ = taken(text)
    shape = intake.shape
    assert (shape.bom, shape.delimiter, shape.line_ending, shape.encoding) == (True, ";", "\r\n", "utf-8")
    assert shape.columns == ("Note", "IMAGE urls ", " S. No.", "product  name")
    assert (shape.serial_column, shape.name_column, shape.urls_column) == (2, 3, 1)


@pytest.mark.checklist("I5", "I8", "I9")
def test_all_errors_come_back_with_their_places() -> None:
    intake, _ = taken(
        csv_of(
            ",Lamp,https://a.example/1.jpg",
            "1,,https://a.example/1.jpg",
            "x,Lamp,",
            "1,Lamp,ftp://a.example/1.jpg",
            "4,Lamp",
            '"5"5,Lamp,https://a.example/1.jpg',
            '6,"two\nlines",nonsense',
        )
    )
    assert found(intake) == [
        (1, 2, "Serial Number", "required"),
        (2, 3, "Product Name", "required"),
        (3, 4, "Serial Number", "not_an_integer"),
        (3, 4, "Image URLs", "required"),
        (4, 5, "Serial Number", "duplicate"),
        (4, 5, "Image URLs", "invalid_url"),
        (5, 6, None, "column_count"),
        (6, 7, None, "text_after_quote"),
        (7, 8, "Image URLs", "invalid_url"),
    ]
    assert "row 2" in intake.findings.listed[4].message


@pytest.mark.checklist("I8")
def test_numbers_that_are_equal_are_duplicates_however_they_are_written() -> None:
    intake, _ = taken(csv_of("7,a,https://a.example/1.jpg", " 007 ,b,https://a.example/2.jpg"))
    assert found(intake) == [(2, 3, "Serial Number", "duplicate")]


@pytest.mark.checklist("I7")
def test_a_missing_and_a_doubled_column_are_named() -> None:
    intake, _ = taken("Serial Number,S. No.,Image URLs\n1,1,https://a.example/1.jpg\n")
    assert found(intake) == [
        (None, 1, "Serial Number", "duplicate_column"),
        (None, 1, "Product Name", "missing_column"),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_file"),
        ("\n\n", "empty_file"),
        ("\ufeff", "empty_file"),
        (HEADER, "no_rows"),
        (HEADER.strip(), "no_rows"),
        ('"Serial Number,Product Name,Image URLs\n1,a,b\n', "unterminated_quote"),
        ('"Serial Number"x,Product Name,Image URLs\n1,a,b\n', "text_after_quote"),
    ],
)
def test_a_file_without_a_row_is_refused(text: str, code: str) -> None:
    intake, chunks = taken(text)
    assert [item.code for item in intake.findings.listed] == [code]
    assert chunks == []


@pytest.mark.checklist("I4")
@pytest.mark.parametrize(("data", "code"), [(b"\xe9", "encoding"), (b"\0", "nul_character")])
def test_bytes_that_are_no_text_are_named_with_row_and_line(data: bytes, code: str) -> None:
    intake, _ = taken((HEADER + '1,"La\nmp",https://a.example/1.jpg\n2,Cha').encode() + data + b"ir,x\n")
    assert found(intake) == [(2, 4, None, code)]


@pytest.mark.checklist("I5")
def test_nothing_is_judged_after_an_unterminated_quote() -> None:
    intake, _ = taken(csv_of('1,"Lamp,https://a.example/1.jpg', "2,Lamp"))
    assert found(intake) == [(1, 2, None, "unterminated_quote")]


@pytest.mark.checklist("I9")
def test_at_most_a_thousand_errors_are_listed_and_all_are_counted() -> None:
    intake, _ = taken(csv_of(*(f"{number},Lamp," for number in range(1, 1501))))
    assert (len(intake.findings.listed), intake.findings.total) == (MAX_LISTED, 1500)


@pytest.mark.checklist("I6")
def test_too_many_images_are_refused() -> None:
    intake, _ = taken(images_of(12), max_images=10)
    assert found(intake) == [(11, 12, None, "too_many_images")]


def test_as_many_images_as_allowed_are_taken() -> None:
    intake, _ = taken(images_of(10), max_images=10)
    assert (intake.images, intake.findings.total) == (10, 0)


@pytest.mark.checklist("I6")
def test_caps_have_their_own_codes() -> None:
    rules = CsvRules(max_rows=2, max_columns=3, max_urls_per_row=1, max_url_length=30)
    two = '1,a,"https://a.example/1.jpg,https://a.example/2.jpg"'
    intake, _ = taken(csv_of(two, f"2,b,https://a.example/{'x' * 30}", "3,c,https://a.example/1.jpg"), rules=rules)
    assert [item.code for item in intake.findings.listed] == ["too_many_urls", "url_too_long", "too_many_rows"]
    wide, _ = taken(HEADER.strip() + ",more\n1,a,https://a.example/1.jpg,x\n", rules=rules)
    assert [item.code for item in wide.findings.listed] == ["too_many_columns"]


@pytest.mark.checklist("I6")
def test_rules_are_data() -> None:
    rules = CsvRules(
        serial=ColumnRule(role="serial", names=("SKU",), unique=True, max_length=5),
        name=ColumnRule(role="name", names=("Title",), required=False, unique=True),
    )
    text = "sku,TITLE,Image URLs\nA-1,,https://a.example/1.jpg\nA-1,x,https://a.example/1.jpg\nA-12345,x,https://a.example\n"
    intake, _ = taken(text, rules=rules)
    assert [(item.row, item.column, item.code) for item in intake.findings.listed] == [
        (2, "SKU", "duplicate"),
        (3, "SKU", "serial_too_long"),
        (3, "Title", "duplicate"),
    ]


def test_values_alone_can_be_tolerated_and_structure_cannot() -> None:
    values, chunks = taken(csv_of("1,Lamp,nonsense", "1,,", "2,Chair,https://a.example/1.jpg"))
    assert values.is_refused(keep=False)
    assert not values.is_refused(keep=True)
    assert [image.url for chunk in chunks for image in read_manifest_chunk(chunk.body)] == [
        "nonsense",
        "https://a.example/1.jpg",
    ]
    structure, _ = taken(csv_of("1,Lamp"))
    assert structure.is_refused(keep=True)


def test_rows_without_any_url_are_no_request() -> None:
    intake, _ = taken(csv_of("1,Lamp,"))
    assert intake.is_refused(keep=True)
    optional = ColumnRule(role="urls", names=("Image URLs",), required=False)
    intake, _ = taken(csv_of("1,Lamp,"), rules=CsvRules(urls=optional))
    assert found(intake) == [(None, None, None, "no_images")]


@pytest.mark.checklist("I10")
def test_memory_does_not_grow_with_the_file() -> None:
    rows = 10_000
    data = images_of(rows).encode()
    tracemalloc.start()
    try:
        intake = new_intake(chunk_size=250, max_images=rows)
        for start in range(0, len(data), 65_536):
            intake.feed(data[start : start + 65_536])
        intake.finish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert intake.images == rows
    assert peak < 1_500_000


@pytest.mark.checklist("I9")
def test_values_in_messages_are_cut_and_escaped() -> None:
    assert shown("a\x07\n\u202e") == '"a\\x07\\n\\u202e"'
    assert len(shown("x" * 500)) == 82
