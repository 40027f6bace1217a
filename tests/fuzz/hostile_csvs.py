"""CSVs that mean harm, and CSVs that are good but odd."""

import codecs
import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from services.ingest.domain.csv_text import ENCODINGS
from shared.request_files import Encoding

HEADERS = (
    ["Serial Number", "Product Name", "Image URLs"],
    ["Note", "IMAGE  urls", "S. No.", "product name"],
    ["Serial Number", "Product Name", "Image URLs", "Output Image URLs", "Image Statuses"],
    ["Image Statuses", "Serial Number", "=Note", "Product Name", "Image URLs", "Output Image URLs (x)"],
)
BITS = (
    '"', '""', ",", ";", "\t", "|", "\r", "\n", "\r\n", "'", "''", "=", "+", "-", "@", "\uff1d", "\u00a0", "\u3000",
    "\u200b", "\ufeff", "\u202e", "\u2028", "\x1b[31m", "\x00", "\x0b", "\x1c", "\x85", "1", "007", "9" * 101,
    "x" * 300,
    "https://a.example/1.jpg", "HTTP://b.example/w_1,h_2/x|y.jpg", "http://127.0.0.1/", "http://[::1]/", "javascript:1",
    "succeeded", "Serial Number,Product Name,Image URLs\n", "é", "Ж", "あ", "🪑",
)  # fmt: skip
CELLS = st.lists(st.sampled_from(BITS) | st.text(max_size=8), max_size=4).map("".join)
URLS = st.lists(
    st.sampled_from(["https://a.example/1.jpg", "http://b.example/w_1,h_2/x|y.jpg", "https://c.example/'=;\u00e9"]),
    min_size=1,
    max_size=4,
).flatmap(lambda urls: st.sampled_from([",", " , ", "\n", "|", ",\r\n"]).map(lambda separator: separator.join(urls)))


class Sent(NamedTuple):
    """A file, and the encoding that its sender names."""

    data: bytes
    encoding: Encoding


class Form(NamedTuple):
    """How a table is written."""

    encoding: Encoding
    delimiter: str
    line_ending: str
    mark: bool


FORMS = st.builds(
    Form,
    st.sampled_from([*ENCODINGS, "utf-8", "utf-8", "utf-16"]),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)


def written(rows: Sequence[Sequence[str]], form: Form) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=form.delimiter, lineterminator=form.line_ending).writerows(rows)
    mark = codecs.BOM_UTF8 if form.mark and form.encoding == "utf-8" else b""
    return mark + text.getvalue().encode(form.encoding, "replace")


@st.composite
def good_files(draw: st.DrawFn) -> Sent:
    """Files that mostly are taken: every row has a number, a name and URLs, and anything else."""
    header, form = draw(st.sampled_from(HEADERS)), draw(FORMS)
    names = [" ".join(name.split()).casefold() for name in header]
    rows = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        known = {"serial number": str(number), "s. no.": f" {number} ", "image urls": draw(URLS)}
        name = "n" + draw(CELLS)[:200] if draw(st.booleans()) else draw(CELLS)[:200] + "n"
        rows.append([known.get(column, name if column == "product name" else draw(CELLS)) for column in names])
    return Sent(
        written([header, *rows], form).replace(b"\0", b"0" if form.encoding != "utf-16" else b"\0"), form.encoding
    )


@st.composite
def damaged_files(draw: st.DrawFn) -> Sent:
    """Files with pieces put in, taken out and doubled, and bytes that are no file at all."""
    header, form = draw(st.sampled_from(HEADERS)), draw(FORMS)
    rows = draw(st.lists(st.lists(CELLS | URLS, max_size=6), max_size=5))
    data = written([header, *rows], form)
    for _ in range(draw(st.integers(0, 5))):
        place, cut = draw(st.integers(0, len(data))), draw(st.integers(0, 4))
        data = data[:place] + draw(st.binary(max_size=4) | st.sampled_from(BITS).map(str.encode)) + data[place + cut :]
    return Sent(data, draw(st.sampled_from([form.encoding, *ENCODINGS])))


ANY_FILES = st.one_of(
    good_files(), damaged_files(), st.builds(Sent, st.binary(max_size=300), st.sampled_from(ENCODINGS))
)


@st.composite
def cut_anywhere(draw: st.DrawFn, data: bytes) -> list[bytes]:
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
