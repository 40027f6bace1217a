"""Whatever stands in the headers, in a form, in an option: a problem that says so, or what was sent."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from services.ingest.api.body_stream import BodyStream
from services.ingest.api.content_types import content_type_of
from services.ingest.api.given_options import GivenOptions
from services.ingest.api.upload_bodies import FormBody
from services.ingest.domain.options import SubmitOptions
from services.ingest.fingerprint import Fingerprint
from shared.http.problems import Problem
from tests.fuzz.hostile_csvs import cut_anywhere
from tests.fuzz.outcomes import outcome_of
from tests.unit.ingest.fakes import JUDGE, RECIPES

BITS = st.sampled_from(
    [
        b"--f", b"--f--", b"\r\n", b"\n", b"\r", b"\r\n--f", b"\r\n--f\r\n", b"\r\n--f--\r\n", b"-", b"--", b'"',
        b";", b"=",
        b"Content-Disposition: form-data; name=file", b'Content-Disposition: form-data; name="file"; filename="a.csv"',
        b'content-disposition: form-data; name="quality"', b"Content-Disposition: attachment", b"\r\n\r\n", b"40",
        b"\x00",
        b"Content-Transfer-Encoding: base64", b"Content-Type: multipart/mixed; boundary=g", b"filename*=utf-8''%zz",
        b"\xff",
        b"; name*=koi8-r''x", b"x" * 5000, b'name="\xff"', b": ", b"A: b\r\n" * 9,
    ]
)  # fmt: skip
BODIES = st.lists(BITS | st.binary(max_size=6), max_size=12).map(b"".join)
FRAMED = st.builds(b"--f\r\n%b\r\n--f--\r\n".__mod__, BODIES)
NAMES = st.sampled_from([*SubmitOptions.model_fields, "__class__", "file"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
VALUES = st.text(max_size=20) | st.sampled_from(
    [
        "40", "4e1", "1_0", "\uff14\uff10", "NaN", "true", "keep", "zlib", "rot13", "idna", "punycode", "utf-7",
        "utf\x008", "hex",
        "unicode_escape", "mbcs", "../x", "{}", '{"a": 1, "a": 2}', '{"a": 1e999999}', '{"a": "\\ud800"}',
        '{"a":' + "9" * 4000 + "}",
        '{"a":' * 200 + "1" + "}" * 200, "[" * 4000, "https://a.example/", "http://127.0.0.1/", "http://a.example/\n",
    ]
)  # fmt: skip


async def form_of(pieces: Sequence[bytes], boundary: bytes) -> bytes | int:
    """The file in a form, or the status with which the form is refused."""

    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    body = BodyStream(stream(), declared=None, max_bytes=100_000)
    options = GivenOptions([], recipes=RECIPES.names, url_problem=JUDGE)
    try:
        form = FormBody(body, options, boundary=boundary, max_file_bytes=50_000)
        await form.open()
        file = b"".join([piece async for piece in form.pieces()])
        form.options()
    except Problem as problem:
        return problem.status
    return file


@given(body=BODIES | FRAMED, boundary=st.just(b"f") | st.binary(min_size=1, max_size=300), data=st.data())
def test_a_form_is_refused_or_read_and_the_same_wherever_it_is_cut(
    body: bytes, boundary: bytes, data: st.DataObject
) -> None:
    whole = asyncio.run(form_of([body], boundary))
    assert isinstance(whole, bytes) or whole in {400, 413, 422}
    assert asyncio.run(form_of(data.draw(cut_anywhere(body)), boundary)) == whole


@given(file=BODIES | st.binary(), data=st.data())
def test_a_file_in_a_form_arrives_as_it_was(file: bytes, data: st.DataObject) -> None:
    if b"\r\n--frontier" in b"\r\n" + file:
        return
    head = b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    body = head + file + b"\r\n--frontier--\r\n"
    assert asyncio.run(form_of(data.draw(cut_anywhere(body)), b"frontier")) == file


HEADER_BITS = st.sampled_from(
    [
        "multipart/form-data", "text/csv", "application/octet-stream", ";", "=", '"', " ", ",", "\\", "'", "boundary",
        "charset",
        "boundary=", "; charset=utf-8", "; charset*=koi8-r''%zz", "; charset*0*=x''", "filename*=utf-16''%ff", "\xff",
        "%", "*",
        "; filename=a.csv", "; boundary*1=x", "\t",
    ]
)  # fmt: skip
HEADER_TEXTS = st.lists(HEADER_BITS | st.text(st.characters(max_codepoint=255), max_size=4), max_size=8).map("".join)


@given(kind=HEADER_TEXTS, disposition=HEADER_TEXTS)
def test_any_content_type_is_understood_or_refused(kind: str, disposition: str) -> None:
    headers = [(b"content-type", kind.encode("latin-1")), (b"content-disposition", disposition.encode("latin-1"))]
    found = outcome_of(lambda: content_type_of(Request({"type": "http", "headers": headers})), Problem)
    if isinstance(found, Problem):
        assert found.status == 415
    else:
        assert found.kind == "csv" or found.boundary


@given(given=st.lists(st.tuples(NAMES | st.text(max_size=5), VALUES | JSON.map(str)), max_size=5))
def test_options_are_refused_by_name_or_can_be_written_down_and_read_again(given: list[tuple[str, str]]) -> None:
    options = outcome_of(lambda: GivenOptions(given, recipes=RECIPES.names, url_problem=JUDGE).parsed(), Problem)
    if isinstance(options, Problem):
        assert options.status == 422
        assert all(error["column"].isprintable() for error in options.extra["errors"])
    else:
        assert SubmitOptions.model_validate_json(options.model_dump_json()) == options
        assert Fingerprint().complete(options)
