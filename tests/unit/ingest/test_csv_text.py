"""From bytes to text."""

import pytest

from services.ingest.domain.csv_text import ENCODINGS, Decoded, TextDecoder, known_encoding
from shared.request_files import Encoding


def decoded(data: bytes, *, step: int = 1, encoding: Encoding = "utf-8") -> tuple[str, Decoded, TextDecoder]:
    decoder = TextDecoder(encoding)
    text = ""
    for start in range(0, len(data), step):
        result = decoder.decode(data[start : start + step])
        text += result.text
        if result.problem is not None:
            return text, result, decoder
    result = decoder.decode(b"", final=True)
    return text + result.text, result, decoder


@pytest.mark.checklist("I4")
@pytest.mark.parametrize("step", [1, 2, 100])
def test_a_byte_order_mark_is_noticed_and_removed(step: int) -> None:
    text, _, decoder = decoded("\ufeffsérie,ü".encode(), step=step)
    assert (text, decoder.bom) == ("série,ü", True)


def test_a_mark_inside_the_text_stays() -> None:
    text, _, decoder = decoded("a\ufeffb".encode())
    assert (text, decoder.bom) == ("a\ufeffb", False)


@pytest.mark.checklist("I4")
@pytest.mark.parametrize("step", [1, 3, 100])
def test_a_byte_that_does_not_fit_is_named_with_its_offset_and_the_option(step: int) -> None:
    text, result, _ = decoded(b"abc,caf\xe9,x", step=step)
    assert text == "abc,caf"
    assert result.problem is not None
    assert result.problem.code == "encoding"
    assert "0xe9 at offset 7" in result.problem.message
    assert "`encoding`" in result.problem.message


@pytest.mark.checklist("I4")
def test_a_character_that_is_cut_off_at_the_end_is_named() -> None:
    _, result, _ = decoded("abcé".encode()[:-1])
    assert result.problem is not None
    assert "at offset 3" in result.problem.message


@pytest.mark.checklist("I4")
def test_another_encoding_can_be_named() -> None:
    text, result, _ = decoded("café €".encode("cp1252"), encoding="cp1252")
    assert (text, result.problem) == ("café €", None)


@pytest.mark.checklist("I4")
@pytest.mark.parametrize("step", [1, 2, 3, 100])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("named", ["utf-8", "cp1252", "utf-16"])
def test_utf_16_is_known_by_its_mark_whatever_was_named(encoding: str, step: int, named: Encoding) -> None:
    text, result, decoder = decoded("\ufeffaé🪑".encode(encoding), step=step, encoding=named)
    assert (text, result.problem, decoder.encoding, decoder.bom) == ("aé🪑", None, "utf-16", True)


@pytest.mark.checklist("I4")
def test_utf_16_without_its_mark_is_refused() -> None:
    _, result, _ = decoded("a,b".encode("utf-16-le"), encoding="utf-16")
    assert result.problem is not None
    assert "no byte order mark" in result.problem.message


def test_a_mark_of_utf_8_wins_over_the_encoding_that_was_named() -> None:
    text, _, decoder = decoded("\ufeffé".encode(), encoding="cp1252")
    assert (text, decoder.encoding, decoder.bom) == ("é", "utf-8", True)


@pytest.mark.parametrize("data", [b"\xff\xfea\x00b", b"\xff\xfe\x00\xd8a\x00"])
def test_utf_16_that_is_damaged_is_named(data: bytes) -> None:
    _, result, _ = decoded(data, step=100)
    assert result.problem is not None
    assert result.problem.code == "encoding"


@pytest.mark.parametrize("step", [1, 100])
@pytest.mark.parametrize("data", [b"PK\x03\x04\x14\x00", b"\xd0\xcf\x11\xe0\xa1\xb1"])
def test_a_workbook_is_recognised(data: bytes, step: int) -> None:
    _, result, _ = decoded(data, step=step)
    assert result.problem is not None
    assert "Export it as CSV" in result.problem.message


@pytest.mark.checklist("I4")
@pytest.mark.parametrize("step", [1, 100])
def test_nul_is_refused_and_what_stands_before_it_is_kept(step: int) -> None:
    text, result, _ = decoded(b"a,b\nc\0,d", step=step)
    assert text == "a,b\nc"
    assert result.problem is not None
    assert result.problem.code == "nul_character"


@pytest.mark.checklist("I4")
@pytest.mark.parametrize("step", [1, 3, 100])
def test_of_two_problems_the_first_is_told_however_the_file_is_cut(step: int) -> None:
    for data, code in ((b"a,b\nc\0,\xff", "nul_character"), (b"a,b\nc\xff,\0", "encoding")):
        text, result, _ = decoded(data, step=step)
        assert text == "a,b\nc"
        assert result.problem is not None
        assert result.problem.code == code


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("UTF-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("us-ascii", "utf-8"),
        ("latin-1", "iso8859-1"),
        ("Windows-1252", "cp1252"),
    ],
)
def test_encodings_have_their_usual_names(name: str, canonical: str) -> None:
    assert known_encoding(name) == canonical


@pytest.mark.checklist("I4")
@pytest.mark.parametrize("name", ["utf-16-le", "utf-32", "utf-7", "rot13", "idna", "no such", "", "utf\08"])
def test_encodings_in_which_ascii_is_not_ascii_are_unknown(name: str) -> None:
    assert known_encoding(name) is None


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_ascii_is_itself_in_every_known_encoding(encoding: str) -> None:
    ascii_text = "".join(map(chr, range(1, 127)))
    assert ascii_text.encode(encoding) == ascii_text.encode("ascii")
    assert known_encoding(encoding) == encoding
