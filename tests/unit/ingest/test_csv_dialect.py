"""How a CSV is written, found from its head."""

import pytest

from services.ingest.domain.csv_dialect import dialect_of
from services.ingest.domain.csv_rules import CsvRules


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_delimiter_and_line_ending_are_found(delimiter: str, ending: str) -> None:
    head = delimiter.join(["Serial Number", "Product Name", "Image URLs"]) + ending + "1;2,3" + ending
    assert dialect_of(head, CsvRules()) == (delimiter, ending)


def test_commas_in_a_semicolon_file_do_not_mislead() -> None:
    head = "S. No.;Product Name;Image URLs;a,b,c,d,e,f\n1;2;3;4\n"
    assert dialect_of(head, CsvRules()).delimiter == ";"


def test_a_quoted_header_with_a_newline_is_one_record() -> None:
    head = '"Note\non two lines";Serial Number;Product Name;Image URLs\r\n'
    assert dialect_of(head, CsvRules()) == (";", "\r\n")


def test_a_header_that_names_nothing_known_is_taken_by_its_cells() -> None:
    assert dialect_of("a;b;c\n", CsvRules()).delimiter == ";"


def test_a_header_alone_without_line_ending_has_the_usual_one() -> None:
    assert dialect_of("Serial Number,Product Name,Image URLs", CsvRules()) == (",", "\n")


def test_a_broken_head_is_a_comma_file() -> None:
    assert dialect_of('"a"b,c\n', CsvRules()).delimiter == ","
