"""Records from pieces of text."""

import csv
import io
import random

import pytest

from services.ingest.domain.records import MAX_CELL_CHARS, MAX_OUTPUT_CELL_CHARS, MAX_RECORD_CHARS, Record, RecordReader


def read(text: str, *, step: int | None = None, delimiter: str = ",") -> list[Record]:
    reader = RecordReader(delimiter)
    pieces = [text[start : start + step] for start in range(0, len(text), step)] if step else [text]
    records = [record for piece in pieces for record in reader.read(piece)]
    return records + list(reader.read("", final=True))


def codes(records: list[Record]) -> list[tuple[int, str]]:
    return [(record.line, record.broken.code) for record in records if record.broken is not None]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("step", [None, 1, 2, 3])
def test_line_endings_and_pieces_make_no_difference(ending: str, step: int | None) -> None:
    text = ending.join(["a,b", '"1,5",x', "last,row"])
    assert [(record.line, record.cells) for record in read(text, step=step)] == [
        (1, ["a", "b"]),
        (2, ["1,5", "x"]),
        (3, ["last", "row"]),
    ]


@pytest.mark.checklist("I8")
@pytest.mark.parametrize("step", [None, 1, 5])
def test_quoted_newlines_keep_line_numbers_right(step: int | None) -> None:
    records = read('a,"one\ntwo\r\nthree"\nb,c\n', step=step)
    assert [(record.line, record.cells) for record in records] == [(1, ["a", "one\ntwo\r\nthree"]), (4, ["b", "c"])]


def test_empty_lines_are_no_records_but_lines() -> None:
    assert [(record.line, record.cells) for record in read("\n\na,b\n\nc,d\n")] == [(3, ["a", "b"]), (5, ["c", "d"])]


@pytest.mark.checklist("I5")
@pytest.mark.parametrize("step", [None, 1, 4])
def test_text_after_a_quote_is_reported_and_the_next_row_is_read(step: int | None) -> None:
    records = read('a,b\n"x"y,z\nc,d\n', step=step)
    assert codes(records) == [(2, "text_after_quote")]
    assert records[-1].cells == ["c", "d"]


@pytest.mark.checklist("I5")
@pytest.mark.parametrize("step", [None, 1, 4])
def test_an_unterminated_quote_is_reported_where_it_starts(step: int | None) -> None:
    records = read('a,b\nc,"never ends\nd,e\nf,g\n', step=step)
    assert codes(records) == [(2, "unterminated_quote")]
    assert records[-1].broken is not None
    assert records[-1].broken.last


@pytest.mark.parametrize("step", [None, 10_000])
def test_an_unterminated_quote_is_given_up_long_before_the_end(step: int | None) -> None:
    records = read('a,b\nc,"never ends\n' + "d,e\n" * 100_000, step=step)
    assert codes(records) == [(2, "unterminated_quote")]
    assert len(records) == 2


@pytest.mark.checklist("I6")
@pytest.mark.parametrize(("start", "code"), [("x", "record_too_long"), ('a,"x', "unterminated_quote")])
def test_a_record_without_end_is_given_up(start: str, code: str) -> None:
    reader = RecordReader(",")
    found = list(reader.read(start + "x" * MAX_RECORD_CHARS))
    assert codes(found) == [(1, code)]
    assert list(reader.read("\na,b\n", final=True)) == []


@pytest.mark.checklist("I6")
@pytest.mark.parametrize("step", [None, 7, 1000])
def test_a_record_beyond_the_limit_ends_the_reading(step: int | None) -> None:
    fits, long = "x" * 990, ",".join(["xxxx"] * 400)
    reader = RecordReader(",", max_record_chars=1000)
    text = f'{fits}\n"{fits}"\n{long}\na,b\n'
    pieces = [text] if step is None else [text[start : start + step] for start in range(0, len(text), step)]
    found = [record for piece in pieces for record in reader.read(piece)]
    assert codes(found) == [(3, "record_too_long")]
    assert [record.line for record in found] == [1, 2, 3]


@pytest.mark.checklist("I6")
def test_a_cell_beyond_the_limit_is_reported() -> None:
    assert codes(read("a," + "x" * 140_000 + "\nb,c\n")) == [(1, "field_too_long")]


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("step", [None, 50_000])
def test_cells_of_output_columns_may_be_longer_and_others_not(quote: str, step: int | None) -> None:
    long = quote + "x" * (MAX_CELL_CHARS + 2) + quote
    reader = RecordReader(",", max_record_chars=300_000)
    reader.let_grow({1})
    text = f"a,{long}\n{long},b\nc,d\n"
    pieces = [text] if step is None else [text[start : start + step] for start in range(0, len(text), step)]
    found = [record for piece in pieces for record in reader.read(piece)]
    assert codes(found) == [(2, "field_too_long")]
    assert [record.cells[:1] for record in found] == [["a"], [], ["c"]]
    assert len(found[0].cells[1]) == MAX_CELL_CHARS + 2


def test_a_row_may_be_longer_by_its_output_columns_and_not_by_more() -> None:
    reader = RecordReader(",", max_record_chars=1000)
    reader.let_grow({1, 2})
    outputs = "y" * (MAX_OUTPUT_CELL_CHARS - 10)
    found = list(reader.read(f"{'x' * 990},{outputs},{outputs}\n", final=True))
    assert codes(found) == []
    reader.let_grow(())
    found = list(reader.read(f"{'x' * 1100},{outputs},{outputs}\n", final=True))
    assert codes(found) == [(2, "record_too_long")]


def test_a_long_cell_of_many_lines_has_lost_its_quote() -> None:
    assert codes(read('a,b\nc,"' + "x\n" * 70_000 + '",d\ne,f\n')) == [(2, "unterminated_quote")]


def test_whatever_the_pieces_the_records_are_those_of_the_csv_module() -> None:
    chance = random.Random(7)
    for _ in range(300):
        cells = ["", "a", 'say "hi"', "x\ny", "ü;,", "\r", " 1 "]
        rows = [[chance.choice(cells) for _ in range(3)] for _ in range(chance.randint(1, 8))]
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator=chance.choice(["\n", "\r\n"])).writerows(rows)
        found = read(out.getvalue(), step=chance.randint(1, 12))
        whole = csv.reader(io.StringIO(out.getvalue(), newline=""), strict=True)
        assert [record.cells for record in found] == [cells for cells in whole if cells]
