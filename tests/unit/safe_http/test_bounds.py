"""Servers that never come to an end: each fetch and each POST ends all the same, and reads no more than it may."""

import asyncio

import pytest

from shared.errors import Permanent, Transient
from shared.safe_http import SafeClient
from tests.unit.safe_http.outcomes import refused
from tests.unit.safe_http.raw_server import Speech, endlessly, speaking
from tests.unit.safe_http.servers import client

SOON = 0.3
LONG = 60.0
PAUSE = 0.01
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
MANY = 500


async def silence(writer: asyncio.StreamWriter) -> None:
    """Say nothing at all."""


NEVER_DONE: dict[str, Speech] = {
    "silence": silence,
    "blank lines": endlessly(b"", b"\r\n" * MANY),
    "a status line letter by letter": endlessly(b"HTTP/1.1 200 ", b"O", pause_seconds=PAUSE),
    "a header letter by letter": endlessly(b"HTTP/1.1 200 OK\r\nA: ", b"x", pause_seconds=PAUSE),
    "a body letter by letter": endlessly(b"HTTP/1.1 200 OK\r\n\r\n", b"x", pause_seconds=PAUSE),
    "chunks letter by letter": endlessly(CHUNKED, b"1\r\nx\r\n", pause_seconds=PAUSE),
    "one chunk's extension": endlessly(CHUNKED + b"1;", b"x" * MANY),
    "interim answers": endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * MANY),
    "interim answers with headers": endlessly(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * MANY),
}


async def posted(made: SafeClient, url: str, *, deadline_seconds: float = LONG) -> bytes:
    answer = await made.post(url, b"{}", {}, deadline_seconds=deadline_seconds, max_response_bytes=16)
    return answer.body


@pytest.mark.checklist("P8")
@pytest.mark.parametrize("kind", NEVER_DONE)
async def test_what_a_server_never_completes_ends_with_the_deadline(kind: str) -> None:
    async with speaking(NEVER_DONE[kind]) as server, client(timeout_seconds=SOON) as made:
        error = await refused(made, server.url, limit=10**6)
        assert (type(error), error.code) == (Transient, "timeout")
        async with asyncio.timeout(LONG):
            await server.hung_up.wait()


@pytest.mark.checklist("P8", "N5")
@pytest.mark.parametrize("kind", ["silence", "a header letter by letter", "interim answers"])
async def test_a_post_ends_with_its_deadline(kind: str) -> None:
    async with speaking(NEVER_DONE[kind]) as server, client(timeout_seconds=LONG) as made:
        with pytest.raises(Transient, match="within the time"):
            await posted(made, server.url, deadline_seconds=SOON)


@pytest.mark.checklist("P8")
async def test_a_handshake_that_nobody_answers_ends_with_the_deadline() -> None:
    async with speaking(NEVER_DONE["silence"]) as server, client(timeout_seconds=SOON) as made:
        error = await refused(made, server.url.replace("http:", "https:"))
    assert (type(error), error.code) == (Transient, "timeout")


@pytest.mark.checklist("P8")
async def test_all_hops_share_one_deadline() -> None:
    async def slow_hop(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(SOON / 3)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    async with speaking(slow_hop) as server, client(timeout_seconds=SOON) as made:
        error = await refused(made, server.url)
    assert (type(error), error.code) == (Transient, "timeout")
    assert len(server.requests) in {1, 2, 3}


@pytest.mark.checklist("P10")
@pytest.mark.parametrize(
    ("status", "code"), [(b"404 Not Found", "http_404"), (b"500 Oops", "http_5xx"), (b"429 Slow Down", "http_429")]
)
async def test_the_body_of_an_error_is_not_waited_for(status: bytes, code: str) -> None:
    speech = endlessly(b"HTTP/1.1 " + status + b"\r\n\r\n", b"x" * MANY)
    async with speaking(speech) as server, client(timeout_seconds=LONG) as made:
        assert (await refused(made, server.url)).code == code
        async with asyncio.timeout(LONG):
            await server.hung_up.wait()


@pytest.mark.checklist("P10")
async def test_the_body_of_a_redirect_is_not_waited_for() -> None:
    speech = endlessly(b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n", b"x" * MANY)
    async with speaking(speech) as server, client(timeout_seconds=LONG) as made:
        assert (await refused(made, server.url)).code == "blocked_address"
        async with asyncio.timeout(LONG):
            await server.hung_up.wait()


@pytest.mark.checklist("P10", "N5")
@pytest.mark.parametrize("status", [b"200 OK", b"500 Oops"])
async def test_no_more_of_the_answer_to_a_post_is_read_than_asked_for(status: bytes) -> None:
    speech = endlessly(b"HTTP/1.1 " + status + b"\r\n\r\n", b"x" * MANY)
    async with speaking(speech) as server, client(timeout_seconds=LONG) as made:
        assert await posted(made, server.url) == b"x" * 16
        async with asyncio.timeout(LONG):
            await server.hung_up.wait()


@pytest.mark.checklist("P9")
@pytest.mark.parametrize(
    "length", [b"", b"Content-Length: 99999999999999\r\n", b"Transfer-Encoding: chunked\r\n"], ids=ascii
)
async def test_an_endless_body_ends_at_the_limit(length: bytes) -> None:
    speech = endlessly(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n", b"5\r\nxxxxx\r\n" * MANY)
    async with speaking(speech) as server, client(timeout_seconds=LONG) as made:
        error = await refused(made, server.url)
        assert (type(error), error.code) == (Permanent, "too_large")
        async with asyncio.timeout(LONG):
            await server.hung_up.wait()


@pytest.mark.checklist("P9")
@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate", "gzip, identity", "x-unknown"])
async def test_no_content_encoding_is_accepted_and_none_is_undone(encoding: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: " + encoding.encode() + b"\r\n\r\n"
    async with speaking(endlessly(head, b"x" * MANY)) as server, client(timeout_seconds=LONG) as made:
        error = await refused(made, server.url)
    assert (type(error), error.code) == (Permanent, "unsupported_format")


@pytest.mark.checklist("P8")
@pytest.mark.parametrize(
    "again", [b"x" * MANY, b"A: b\r\n" * MANY, b" folded\r\n" * MANY], ids=["one header", "many headers", "folded"]
)
async def test_headers_have_a_limit_long_before_the_deadline(again: bytes) -> None:
    async with speaking(endlessly(b"HTTP/1.1 200 OK\r\nA: ", again)) as server, client(timeout_seconds=LONG) as made:
        error = await refused(made, server.url)
    assert (type(error), error.code) == (Transient, "connect_error")
