"""Answers that take parsers by surprise: each is an instruction, and never the end of the process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.errors import Permanent, Transient
from shared.safe_http.urls import joined, parse_url
from tests.unit.safe_http.servers import client

PICTURE = b"Content-Length: 3\r\n\r\nabc"


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/cup.jpg"


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: image/jpeg; x*",
        b"Retry-After: Mon, 99999999999 Jan 2024 00:00:00 GMT",
        b"Retry-After: Mon, 01 Jan 2024 00:00:00 +99999999999999999999",
        b"Retry-After: " + b"9" * 400,
    ],
)
async def test_an_odd_header_of_a_good_answer_changes_nothing(header: bytes) -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n" + header + b"\r\n" + PICTURE) as url, client() as made:
        body = bytearray()
        fetched = await made.fetch(url, body.extend, max_bytes=100)
    assert (fetched.status, bytes(body)) == (200, b"abc")


@pytest.mark.parametrize("location", [b"http://a:b/", "http://]a.ß[@?".encode(), b"//[", b"http://[::1/"])
async def test_an_odd_redirect_is_an_error_of_that_url(location: bytes) -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
    async with answering(answer) as url, client() as made:
        with pytest.raises((Permanent, Transient)):
            await made.fetch(url, bytearray().extend, max_bytes=100)


@pytest.mark.parametrize("text", ["http://]a.ß[@?", "http://[", "http://a:b/", "http://[::zz]/"])
def test_what_is_no_url_is_said_to_be_none(text: str) -> None:
    with pytest.raises(Permanent, match="Use an absolute"):
        parse_url(text)
    with pytest.raises(Permanent, match="Use an absolute"):
        joined(parse_url("http://shop.example/a"), text)
