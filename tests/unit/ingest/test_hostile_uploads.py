"""Uploads that mean harm: what they are made of is refused, cheaply and with a short answer."""

import asyncio
import csv
import encodings
import io
import random
import time
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from services.ingest.api.body_stream import BodyStream
from services.ingest.domain.csv_text import known_encoding
from services.ingest.domain.first_seen import FirstSeen
from services.ingest.domain.options import SubmitOptions
from services.ingest.url_judge import url_judge
from shared.http.problems import Problem
from shared.safe_http.settings import FetchSettings
from tests.unit.ingest.fakes import GOOD_CSV, HEADER, csv_of, new_intake, taken
from tests.unit.ingest.test_submit_api import CSV, Api, form

URL = "https://a.example/1.jpg"
FORM = {"Content-Type": "multipart/form-data; boundary=f"}
PART = b'--f\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
BODY = PART + b"\r\n" + GOOD_CSV.encode() + b"\r\n--f--\r\n"


async def trickled(*pieces: bytes, forever: bool = True) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if forever:
        await asyncio.Event().wait()


async def drained(stream: BodyStream) -> int:
    return sum([len(piece) async for piece in stream.pieces()])


@pytest.mark.checklist("I2")
@pytest.mark.parametrize("pieces", [(), (b"x",), (b"x" * 10,) * 4])
async def test_a_body_that_stands_still_is_cut_long_before_the_upload_may_take(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(Problem) as caught:
        await drained(BodyStream(trickled(*pieces), declared=None, max_bytes=1000, grace_seconds=0.05))
    assert (caught.value.status, caught.value.kind) == (408, "upload-too-slow")


@pytest.mark.checklist("I2")
async def test_a_body_that_keeps_trickling_is_cut_and_one_that_is_fast_is_not() -> None:
    async def bytewise() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.01)
            yield b"x"

    with pytest.raises(Problem) as caught:
        await drained(BodyStream(bytewise(), declared=None, max_bytes=100_000, grace_seconds=0.1))
    assert caught.value.status == 408
    fast = trickled(*[b"x" * 100] * 50, forever=False)
    assert await drained(BodyStream(fast, declared=None, max_bytes=100_000, grace_seconds=0.1)) == 5000


@pytest.mark.checklist("I1")
@pytest.mark.parametrize("declared", ["11", "9" * 5000, "0" * 5000 + "11"])
async def test_a_length_beyond_the_limit_is_refused_before_a_byte_is_read(declared: str) -> None:
    stream = BodyStream(trickled(), declared=declared, max_bytes=10)
    with pytest.raises(Problem) as caught:
        await drained(stream)
    assert caught.value.status == 413


@pytest.mark.checklist("I1")
@pytest.mark.parametrize(("declared", "size"), [("0" * 5000, 0), ("0" * 5000 + "10", 10), ("9" * 5000, 0), ("x", 0)])
def test_an_announced_length_is_read_however_it_is_written(declared: str, size: int) -> None:
    assert BodyStream(trickled(), declared=declared, max_bytes=10).declared_bytes() == size


@pytest.mark.parametrize("declared", ["0", "3", "-1", "\u00b2", "1e9", "", "+11", " 11"])
async def test_a_length_that_lies_lets_nothing_more_in(declared: str) -> None:
    with pytest.raises(Problem) as caught:
        await drained(BodyStream(trickled(b"x" * 11), declared=declared, max_bytes=10))
    assert caught.value.status == 413


@pytest.mark.checklist("I1")
@pytest.mark.parametrize("piece", [1, 7, 1000])
async def test_no_more_than_the_limit_is_handed_on_of_a_body_that_never_ends(piece: int) -> None:
    handed_on = 0

    async def drain() -> None:
        nonlocal handed_on
        async for data in BodyStream(trickled(*[b"x" * piece] * 2000), declared=None, max_bytes=1500).pieces():
            handed_on += len(data)

    with pytest.raises(Problem) as caught:
        await drain()
    assert caught.value.status == 413
    assert handed_on <= 1500


@pytest.mark.checklist("I3")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (BODY[:-4], 400),
        (BODY[:-8], 400),
        (BODY.replace(b"--f", b"--g"), 400),
        (b"preamble\r\n" + BODY, 400),
        (PART + b"A: b\r\n" * 20 + BODY[len(PART) :], 400),
        (PART + b"A: " + b"b" * 100_000 + b"\r\n" + BODY[len(PART) :], 400),
        (b"--f\r\nContent-Type: text/csv\r\n\r\nx\r\n--f--\r\n", 400),
        (b'--f\r\nContent-Disposition: attachment; name="file"\r\n\r\nx\r\n--f--\r\n', 400),
        (BODY[:-4] + b"\r\n" + BODY, 400),
        (b'--f\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n' + BODY, 422),
        (b"--f--\r\n", 422),
        (PART + b"Content-Type: multipart/mixed; boundary=g\r\n\r\n--g\r\n\r\nx\r\n--g--\r\n--f--\r\n", 422),
        (BODY + b"epilogue" * 50_000, 413),
        (BODY + b"epilogue", 202),
    ],
)
async def test_a_form_that_plays_tricks_is_refused(body: bytes, status: int) -> None:
    api = Api(max_bytes=10_000)
    answer = await api.post(content=body, headers=FORM)
    assert answer.status_code == status, answer.text
    assert status == 202 or api.ingest.is_untouched()


@pytest.mark.parametrize("boundary", ["", '""', "x" * 5000])
async def test_a_form_without_a_usable_boundary_is_refused(boundary: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    assert (await Api().post(content=BODY, headers=headers)).status_code in {400, 415}


@pytest.mark.checklist("I3", "I9")
async def test_the_name_of_an_unknown_option_is_cut_and_escaped() -> None:
    answer = await Api().post(**form(("\u202e\x1b[31m" + "x" * 500, None, "1"), ("file", "a.csv", GOOD_CSV)))
    (error,) = answer.json()["errors"]
    assert error["code"] == "unknown_option"
    assert error["column"].startswith("\\u202e\\x1b[31mxxx")
    assert len(error["column"]) < 100


@pytest.mark.checklist("I12")
async def test_two_keys_are_no_key() -> None:
    headers = [("Content-Type", "text/csv"), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert (await Api().post(content=GOOD_CSV.encode(), headers=headers)).status_code == 400


@pytest.mark.checklist("I4")
@pytest.mark.parametrize(
    "name", ["zlib", "zlib_codec", "rot13", "hex", "bz2", "base64", "idna", "punycode", "utf-7", "utf_32", "utf-16-le",
             "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "cp037", "shift_jis", "hz", "../utf-8",
             "utf\uff0d8"],
)  # fmt: skip
async def test_no_other_codec_of_python_can_be_asked_for(name: str) -> None:
    api = Api()
    answer = await api.post(content=GOOD_CSV.encode(), headers=CSV, params={"encoding": name})
    assert (answer.status_code, answer.json()["errors"][0]["column"]) == (422, "encoding")
    assert api.ingest.is_untouched()


def test_names_of_encodings_that_do_not_exist_are_not_remembered() -> None:
    known = len(encodings._cache)
    for number in range(500):
        assert known_encoding(f"made-up-{number}") is None
    assert len(encodings._cache) <= known


@pytest.mark.parametrize(
    "metadata",
    [
        '{"a":' * 33 + "1" + "}" * 33,
        '{"a":' + "[" * 210 + "]" * 210 + "}",
        '{"a":' + "[" * 900 + "]" * 900 + "}",
        '{"a": 1, "a": 2}',
        '{"a": 1e999999}',
        '{"a": -Infinity}',
        '{"\\u0000": 1}',
        '{"\\udfff": 1}',
        "9" * 4000,
    ],
)
async def test_metadata_that_others_could_not_read_is_refused(metadata: str) -> None:
    answer = await Api().post(content=GOOD_CSV.encode(), headers=CSV, params={"metadata": metadata})
    assert (answer.status_code, answer.json()["errors"][0]["column"]) == (422, "metadata")


def test_metadata_as_deep_and_long_as_allowed_can_be_written_and_read() -> None:
    for text in ('{"a":' * 31 + "[1]" + "}" * 31, '{"a": ' + "9" * 4000 + "}", '{"a": 1E-999}'):
        options = SubmitOptions.model_validate({"metadata": text})
        assert SubmitOptions.model_validate_json(options.model_dump_json()) == options


@pytest.mark.checklist("I6", "I7", "I9")
@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("a," * 400_000, "too_many_columns"),
        ("Image URLs," * 90_000, "too_many_columns"),
        (HEADER.strip() + "," + ",".join(["x" * 8000] * 9), "header_too_long"),
        ("Image URLs," * 200 + HEADER.strip(), "duplicate_column"),
        ("\x1b[31m\u202e" * 200 + "," + HEADER.strip().replace("Product", "P"), "missing_column"),
    ],
    ids=["wide", "one-name", "long", "doubled", "escapes"],
)
def test_a_header_that_is_a_bomb_costs_little_and_is_named_shortly(header: str, code: str) -> None:
    began = time.process_time()
    intake, _ = taken(f"{header}\n1,a,{URL}\n")
    assert code in {item.code for item in intake.findings.listed}
    assert all(len(item.message) < 3000 and item.message.isprintable() for item in intake.findings.listed)
    assert time.process_time() - began < 5


@pytest.mark.checklist("I9")
@pytest.mark.parametrize("bad", ["\x1b[2J", "\u202egnp.exe", "\u2028", "\u2066", "\x7f", "\x85", "\ufeff", "\u200b"])
async def test_control_characters_reach_no_message(bad: str) -> None:
    rows = csv_of(f"{bad}1,a,{URL}", f"2,b,ftp://{bad}", f"{bad}{'9' * 200},c,{URL}")
    errors = (await Api().post(content=rows.encode(), headers=CSV)).json()["errors"]
    assert len(errors) >= 2
    assert all(error["message"].isprintable() and len(error["message"]) < 1000 for error in errors)


@pytest.mark.checklist("I9")
@pytest.mark.parametrize("formula", ["=cmd()", "\u00a0=1", "\uff1d1", "@x", "\u200b+1"])
async def test_a_refused_formula_is_harmless_in_the_errors_csv(formula: str) -> None:
    headers = {**CSV, "Accept": "text/csv"}
    answer = await Api().post(content=csv_of(f"{formula},a,{URL}").encode(), headers=headers)
    (_, row) = csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), strict=True)
    assert not any(cell.strip().startswith(("=", "+", "-", "@", "\uff1d")) for cell in row)


@pytest.mark.checklist("I10")
def test_serial_numbers_in_no_order_cost_no_more_memory_however_long_they_are() -> None:
    chance, rows = random.Random(5), 30_000
    seen = FirstSeen()
    values = [chance.getrandbits(320) for _ in range(rows)]
    tracemalloc.start()
    try:
        assert all(seen.add(value, row) is None for row, value in enumerate(values, 1))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 40 * rows
    assert [seen.add(values[place], rows + 1) for place in (0, 7, rows - 1)] == [1, 8, rows]


@pytest.mark.checklist("I10")
def test_a_row_that_never_ends_is_not_held() -> None:
    intake = new_intake()
    intake.feed((HEADER + '1,"').encode())
    tracemalloc.start()
    try:
        for _ in range(40):
            intake.feed(b"x" * 250_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [item.code for item in intake.findings.listed] == ["unterminated_quote"]
    assert peak < 8_000_000


REFUSED_URLS = [
    "ftp://a.example/", "javascript:alert(1)", "//a.example/", "http://", "http://u:p@a.example/", "http://a.example:8080/",
    "http://a.example:0/", "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/",
    "http://\uff11\uff12\uff17.0.0.1/", "http://[::1]/", "http://[::ffff:8.8.8.8]/", "http://169.254.169.254/", "http://10.1.2.3/",
    "http://8.8.8.8:22/", "http://a.example/\x07", "http://a.example/\u0085", "http://[fe80::1%25eth0]/",
]  # fmt: skip
TAKEN_URLS = ["http://8.8.8.8/", "https://[2606:4700:4700::1111]/", "http://a.example:443/", "https://a.example/x#part"]


async def posted_with(url: str, place: str) -> httpx2.Response:
    quoted = url.replace('"', '""')
    if place == "row":
        return await Api().post(content=csv_of(f'1,a,"{quoted}"').encode(), headers=CSV)
    return await Api().post(content=GOOD_CSV.encode(), headers=CSV, params={"callback_url": url})


@pytest.mark.checklist("I11", "N5")
@pytest.mark.parametrize("place", ["row", "callback_url"])
@pytest.mark.parametrize("url", REFUSED_URLS)
async def test_rows_and_callbacks_pass_the_same_gate(url: str, place: str) -> None:
    answer = await posted_with(url, place)
    assert answer.status_code == 422, answer.text
    assert [error["code"] for error in answer.json()["errors"]] == ["invalid_url"]


@pytest.mark.checklist("I11")
@pytest.mark.parametrize("place", ["row", "callback_url"])
@pytest.mark.parametrize("url", TAKEN_URLS)
async def test_public_urls_pass_the_gate(url: str, place: str) -> None:
    assert (await posted_with(url, place)).status_code == 202


@pytest.mark.checklist("I11")
def test_what_the_operator_allows_is_allowed_on_any_port() -> None:
    judge = url_judge(FetchSettings.model_validate({"fetch_allow_networks": "127.0.0.0/8"}).fetch_allow_networks)
    assert [judge(url) for url in ("http://127.0.0.1:9000/x", "http://internal.example:8080/", "http://8.8.8.8/")] == [
        None,
        None,
        None,
    ]
    refused: list[Any] = [judge(url) for url in ("http://10.0.0.1/", "http://8.8.8.8:22/", "http://[::1]:80/")]
    assert None not in refused
    assert all("FETCH_ALLOW_NETWORKS" in reason for reason in refused)
