"""What whole objects over HTTP do with servers that answer oddly, or not at all."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from socket import create_server
from typing import Any

import pytest
from pydantic import SecretStr

from shared.errors import DependencyAway
from shared.object_store import ObjectMissing, ObjectStore, open_object_store
from shared.s3_http import SMALL_BYTES, NoAnswer, Patience, Refused, S3Http
from shared.settings import S3Settings

BUCKET = "images"
DIGEST_OF_X = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Call = Callable[[ObjectStore], Awaitable[Any]]


def put(store: ObjectStore) -> Awaitable[None]:
    return store.put(BUCKET, "a key", b"x", content_type="image/png", metadata={"width": "640"})


def get(store: ObjectStore) -> Awaitable[bytes]:
    return store.get(BUCKET, "a key")


CALLS = pytest.mark.parametrize("call", [put, get], ids=["put", "get"])


def settings_for(port: int) -> S3Settings:
    endpoint = f"http://127.0.0.1:{port}"
    return S3Settings(s3_endpoint=endpoint, s3_access_key=SecretStr("user"), s3_secret_key=SecretStr("secret"))


@asynccontextmanager
async def opened(settings: S3Settings) -> AsyncIterator[ObjectStore]:
    store = open_object_store(settings)
    try:
        yield store
    finally:
        await store.close()


class Answers:
    """Answers the requests of a connection in turn with what is given; the last one stays."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await _head(reader):
            self.heads.append(head)
            self.bodies.append(await reader.readexactly(_length(head)))
            writer.write(self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return ""


def _length(head: str) -> int:
    found = [line for line in head.lower().splitlines() if line.startswith("content-length:")]
    return int(found[0].split(":")[1]) if found else 0


def answer(status: int, body: bytes = b"", *, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} .\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def refusal(status: int, code: str) -> bytes:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>.</Message></Error>".encode()
    return answer(status, body, headers="Content-Type: application/xml\r\n")


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[S3Settings]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await serve(reader, writer)

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield settings_for(server.sockets[0].getsockname()[1])


@asynccontextmanager
async def served(serve: Serve) -> AsyncIterator[ObjectStore]:
    async with serving(serve) as settings, opened(settings) as store:
        yield store


@asynccontextmanager
async def impatient(serve: Serve, patience: Patience) -> AsyncIterator[S3Http]:
    async with serving(serve) as settings:
        http = S3Http(settings, at_once=1, patience=patience)
        yield http
        await http.close()


@pytest.fixture
def nobody() -> S3Settings:
    with create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return settings_for(port)


async def test_a_put_carries_type_metadata_and_the_signed_digest_of_its_content() -> None:
    server = Answers(answer(200))
    async with served(server) as store:
        await put(store)
    head = server.heads[0].lower()
    assert head.startswith("put /images/a%20key http/1.1\r\n")
    for line in ("content-type: image/png", "x-amz-meta-width: 640", f"x-amz-content-sha256: {DIGEST_OF_X}"):
        assert f"\r\n{line}\r\n" in head
    signed = "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-width"
    assert f"signedheaders={signed}," in head
    assert server.bodies == [b"x"]


async def test_a_connection_serves_one_call_after_another() -> None:
    server = Answers(answer(200, b"found"))
    async with served(server) as store:
        await put(store)
        assert await get(store) == b"found"
        await put(store)
    assert (len(server.heads), server.connections) == (3, 1)


@CALLS
@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_busy_server_is_asked_three_times_and_its_answer_then_counts(call: Call, status: int) -> None:
    busy = refusal(status, "SlowDown")
    server = Answers(busy, busy, answer(200))
    async with served(server) as store:
        await call(store)
    assert len(server.heads) == 3


@CALLS
async def test_a_server_that_stays_busy_is_away(call: Call) -> None:
    server = Answers(refusal(503, "SlowDown"))
    async with served(server) as store:
        with pytest.raises(DependencyAway, match="SlowDown"):
            await call(store)
    assert len(server.heads) == 3


@CALLS
@pytest.mark.parametrize(
    ("status", "code"),
    [
        *[(403, code) for code in ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch")],
        *[(403, "RequestTimeTooSkewed"), (404, "NoSuchBucket"), (500, "InternalError"), (507, "XMinioStorageFull")],
        *[(400, code) for code in ("BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch")],
        (501, "NotImplemented"),
    ],
)
async def test_a_server_that_cannot_or_does_not_want_to_is_away_and_asked_once(
    call: Call, status: int, code: str
) -> None:
    server = Answers(refusal(status, code))
    async with served(server) as store:
        with pytest.raises(DependencyAway, match=code):
            await call(store)
    assert len(server.heads) == 1


async def test_only_the_code_for_it_says_that_an_object_is_missing() -> None:
    async with served(Answers(refusal(404, "NoSuchKey"))) as store:
        with pytest.raises(ObjectMissing, match="a key"):
            await get(store)
    async with served(Answers(answer(404, b"<html>nothing here</html>"))) as store:
        with pytest.raises(DependencyAway, match="status 404 without an S3 code"):
            await get(store)


@CALLS
async def test_a_refusal_that_is_our_own_mistake_passes_through(call: Call) -> None:
    async with served(Answers(refusal(400, "KeyTooLongError"))) as store:
        with pytest.raises(Refused, match="KeyTooLongError"):
            await call(store)


@CALLS
async def test_a_redirect_is_not_followed(call: Call) -> None:
    server = Answers(answer(307, headers="Location: http://127.0.0.1:1/elsewhere\r\n"))
    async with served(server) as store:
        with pytest.raises(DependencyAway, match="status 307"):
            await call(store)
    assert len(server.heads) == 1


@CALLS
async def test_a_server_that_nobody_runs_is_away(call: Call, nobody: S3Settings) -> None:
    async with opened(nobody) as store:
        with pytest.raises(DependencyAway, match="ClientConnectorError"):
            await call(store)


@CALLS
async def test_a_server_that_breaks_off_is_away(call: Call) -> None:
    asked = []

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await _head(reader))
        writer.transport.abort()

    async with served(reset) as store:
        with pytest.raises(DependencyAway, match="s3 is away"):
            await call(store)
    # The client itself asks a second time.
    assert 1 <= len(asked) <= 2


@pytest.mark.parametrize("size", [1, SMALL_BYTES + 1])
async def test_what_is_put_again_after_a_break_is_the_same(size: int) -> None:
    server = Answers(answer(200))
    broken: list[tuple[str, bytes]] = []

    async def break_off_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if broken:
            await server(reader, writer)
            return
        head = await _head(reader)
        broken.append((head, await reader.readexactly(_length(head))))
        writer.transport.abort()

    content = os.urandom(size)
    async with served(break_off_once) as store:
        await store.put(BUCKET, "a key", content, content_type="image/png")
    assert broken == list(zip(server.heads, server.bodies, strict=True))
    assert server.bodies == [content]


async def test_an_object_that_comes_short_is_no_object() -> None:
    async def short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _head(reader)
        writer.write(b"HTTP/1.1 200 .\r\nContent-Length: 10\r\n\r\nhalf")

    async with served(short) as store:
        with pytest.raises(DependencyAway, match="ClientPayloadError"):
            await get(store)


async def test_a_server_that_hangs_is_not_asked_again() -> None:
    asked = []

    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        asked.append(await _head(reader))
        await reader.read()

    async with impatient(hang, Patience(answer_seconds=0.05)) as http:
        with pytest.raises(NoAnswer, match="SocketTimeoutError"):
            await http.get(BUCKET, "key")
    assert len(asked) == 1


async def test_an_upload_that_nobody_reads_ends() -> None:
    ended = asyncio.Event()

    async def unread(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await ended.wait()

    patience = Patience(connect_seconds=0.05, answer_seconds=0.05, slowest_bytes_per_second=1 << 30)
    async with impatient(unread, patience) as http:
        with pytest.raises(NoAnswer, match="TimeoutError"):
            await http.put(BUCKET, "large", bytes(32 << 20), headers={})
        ended.set()


async def test_who_waits_for_a_connection_waits_no_longer_than_who_has_one() -> None:
    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with impatient(hang, Patience(connect_seconds=0.1, answer_seconds=0.1)) as http:
        calls = await asyncio.gather(*(http.get(BUCKET, "key") for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in calls] == [NoAnswer] * 3


async def test_a_closed_store_opens_new_connections() -> None:
    server = Answers(answer(200))
    async with served(server) as store:
        await put(store)
        await store.close()
        await store.close()
        await put(store)
    assert server.connections == 2
