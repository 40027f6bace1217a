"""The output CSV: places kept, formulas harmless, dialect of the input."""

import csv
import io

import pytest

from services.aggregator.domain.merged_rows import ImageOutcome, Misaligned, host_of, merged
from services.aggregator.domain.output_csv import FailedSlots, OutputTable, Slot, csv_line
from shared.events import Outcome
from shared.formula_cells import neutralised, restored
from shared.request_files import ManifestImage

COLUMNS = ("Serial Number", "Product Name", "Image URLs")


def good(url: str = "http://a/1.jpg", **renditions: str) -> Slot:
    return Slot(url, "succeeded", None, renditions or {"compressed": "https://p/1"})


def bad(url: str = "http://a/2,x.jpg", code: str = "http_404") -> Slot:
    return Slot(url, "failed", code, {})


def table(failed_slots: FailedSlots = "keep_url", *names: str, columns: tuple[str, ...] = COLUMNS) -> OutputTable:
    return OutputTable(columns, renditions=names or ("compressed",), failed_slots=failed_slots)


@pytest.mark.checklist("A2", "A3")
def test_a_failed_slot_keeps_its_place_and_its_url() -> None:
    row = table().row(["1", "Cup", "…"], [good(), bad(), good()])
    assert row == ["1", "Cup", "…", "https://p/1,http://a/2%2Cx.jpg,https://p/1", "succeeded,http_404,succeeded"]


@pytest.mark.checklist("A3")
def test_a_failed_slot_may_stay_empty() -> None:
    assert table("empty").row(["1", "Cup", "…"], [good(), bad(), good()])[3] == "https://p/1,,https://p/1"


@pytest.mark.checklist("A3")
def test_a_slot_that_was_not_attempted_says_why() -> None:
    assert table().row(["1", "Cup", "…"], [Slot("http://a/1", "not_attempted", "cancelled", {})])[4] == "cancelled"


def test_each_further_rendition_has_its_own_column() -> None:
    found = table("empty", "compressed", "thumb")
    assert found.header()[3:] == ["Output Image URLs", "Output Image URLs (thumb)", "Image Statuses"]
    assert found.row(["1", "Cup", "…"], [good(compressed="c", thumb="t")])[3:] == ["c", "t", "succeeded"]


def test_output_columns_of_an_earlier_output_are_replaced() -> None:
    names = ("Serial Number", " output  image urls ", "Output Image URLs (small)", "Image Statuses", "Note")
    found = table(columns=names)
    assert found.header() == ["Serial Number", "Note", "Output Image URLs", "Image Statuses"]
    assert found.row(["1", "old", "old", "old", "n"], [good()]) == ["1", "n", "https://p/1", "succeeded"]
    assert found.row(["1", "old", "old", "old", "n", "beyond"], [])[-1] == "beyond"


def test_a_column_that_the_request_was_read_from_stays_whatever_it_is_called() -> None:
    found = OutputTable(
        ("S", "N", "Output Image URLs"), renditions=("compressed",), failed_slots="empty", needed=(0, 1, 2)
    )
    assert found.header() == ["S", "N", "Output Image URLs", "Output Image URLs", "Image Statuses"]


@pytest.mark.checklist("A4")
@pytest.mark.parametrize("cell", ["=1+1", "'=1+1", "''=1+1", "'s-Hertogenbosch", "  =x"])
def test_a_neutralised_cell_that_is_posted_back_gets_no_second_apostrophe(cell: str) -> None:
    written = neutralised(cell)
    again = table(columns=("Name", "Output Image URLs", "Image Statuses"))
    for _ in range(3):
        written = neutralised(again.row([written, "", ""], [])[0])
    assert restored(written) == cell


def test_one_column_that_is_called_like_an_output_makes_nothing_an_output_of_ours() -> None:
    found = table(columns=("Name", "Image Statuses"))
    assert neutralised(found.row(["'=x", ""], [])[0]) == "''=x"


def test_rows_shorter_and_longer_than_the_header_keep_their_columns() -> None:
    assert table().row(["1"], []) == ["1", "", "", "", ""]
    assert table().row(["1", "2", "3", "4"], []) == ["1", "2", "3", "", "", "4"]


@pytest.mark.checklist("A4")
@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "  =x", "'=x", "' =x", "''-1"])
def test_what_a_spreadsheet_would_run_is_neutralised_and_comes_back(cell: str) -> None:
    assert neutralised(cell) == f"'{cell}"
    assert restored(neutralised(cell)) == cell


@pytest.mark.checklist("A4")
@pytest.mark.parametrize("cell", ["", "Cup", "1-2", "a=b", " x", "ü", "http://a/-1", "'x", " '=x", "'s", "''"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert neutralised(cell) == cell
    assert restored(neutralised(cell)) == cell


@pytest.mark.checklist("A5")
@pytest.mark.parametrize("line_ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_cells_survive_a_csv_reader(delimiter: str, line_ending: str) -> None:
    cells = ["", "a,b;c\td|e", 'say "hi"', "two\nlines", "cr\rhere", "  spaces  ", "Ø"]
    text = csv_line(cells, delimiter=delimiter, line_ending=line_ending)
    (read,) = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    assert read == cells
    assert text.endswith(line_ending)


def test_a_single_empty_cell_is_still_a_record() -> None:
    assert csv_line([""], delimiter=",", line_ending="\n") == '""\n'


def image(index: int, row: int) -> ManifestImage:
    return ManifestImage(
        index=index, row=row, line=row + 1, slot=0, serial_number="1", product_name="n", url=f"http://a/{index}"
    )


def outcome(index: int, state: Outcome = "succeeded") -> ImageOutcome:
    return ImageOutcome(index, state, None if state == "succeeded" else "timeout", {"compressed": f"r/{index}/c.jpg"})


@pytest.mark.checklist("A2")
def test_rows_find_their_images_and_empty_lines_are_carried_through() -> None:
    records = [["a"], [], ["no images"], ["b", "x"]]
    images, outcomes = [image(0, 1), image(1, 1), image(2, 3)], [outcome(0), outcome(1, "failed"), outcome(2)]
    rows = list(merged(records, images, outcomes, picture_url=lambda key: f"https://p/{key}"))
    assert [row.cells for row in rows] == records
    assert [[slot.url for slot in row.slots] for row in rows] == [["http://a/0", "http://a/1"], [], [], ["http://a/2"]]
    assert [row.has_failures for row in rows] == [True, False, False, False]
    assert rows[0].slots[0].renditions == {"compressed": "https://p/r/0/c.jpg"}


@pytest.mark.parametrize(
    ("images", "outcomes"),
    [([image(0, 1), image(1, 1)], [outcome(0)]), ([image(1, 1)], [outcome(0)]), ([image(0, 2)], [outcome(0)])],
)
def test_files_that_do_not_fit_together_are_refused(images: list[ManifestImage], outcomes: list[ImageOutcome]) -> None:
    with pytest.raises(Misaligned):
        list(merged([["a"]], images, outcomes, picture_url=str))


def test_hosts_are_found_where_there_are_any() -> None:
    assert [host_of(url) for url in ("http://A.example:8/x", "nonsense", "http://[::1", "")] == [
        "a.example",
        "",
        "",
        "",
    ]


@pytest.mark.parametrize("name", ["Output Image URLs", "Image Statuses"])
def test_one_column_of_our_names_alone_is_the_users_and_stays(name: str) -> None:
    table = OutputTable(["Serial Number", name], renditions=["compressed"], failed_slots="keep_url", needed=[0])
    assert table.header() == ["Serial Number", name, "Output Image URLs", "Image Statuses"]
    assert table.row(["1", "mine"], [])[:2] == ["1", "mine"]
