"""What the object store promises, in memory and on every S3 server that can be had."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import pytest
from pydantic import SecretStr

from shared.errors import DependencyAway
from shared.object_memory import MemoryObjects
from shared.object_store import ObjectMissing, ObjectStore, open_object_store
from shared.settings import S3Settings
from tests.minio import running_minio
from tests.plain_http import plain_http

BUCKET = "behaviours"
# `stack` is the S3 server that all tests of a run share; the other one is run for these tests alone.
SERVERS = ("stack", "minio")
PIECE = bytes(range(256)) * 4096
Store = ObjectStore | MemoryObjects


@pytest.fixture(scope="session")
def minio() -> Iterator[S3Settings]:
    with running_minio() as settings:
        yield settings


def settings_of(server: str, request: pytest.FixtureRequest) -> S3Settings:
    if server == "minio":
        settings: S3Settings = request.getfixturevalue("minio")
        return settings
    environment = request.getfixturevalue("stack").environment()
    return S3Settings(
        s3_endpoint=environment["S3_ENDPOINT"],
        s3_access_key=SecretStr(environment["S3_ACCESS_KEY"]),
        s3_secret_key=SecretStr(environment["S3_SECRET_KEY"]),
    )


@pytest.fixture(params=[pytest.param(server, marks=pytest.mark.stack) for server in SERVERS])
async def real_store(request: pytest.FixtureRequest) -> AsyncIterator[ObjectStore]:
    made = open_object_store(settings_of(request.param, request))
    await made.create_bucket(BUCKET)
    yield made
    await made.close()


@pytest.fixture(params=["memory", *(pytest.param(server, marks=pytest.mark.stack) for server in SERVERS)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    server = request.param
    made: Store = MemoryObjects() if server == "memory" else open_object_store(settings_of(server, request))
    await made.create_bucket(BUCKET)
    yield made
    await made.close()


@pytest.fixture
def key() -> str:
    return f"{uuid4()}/object"


async def collect(store: Store, key: str) -> bytes:
    return b"".join([piece async for piece in store.stream(BUCKET, key)])


async def write(store: Store, key: str, pieces: int, *, failure: Exception | None = None) -> None:
    async with store.writing(BUCKET, key, content_type="text/csv") as writer:
        for _ in range(pieces):
            await writer.write(PIECE)
        if failure is not None:
            raise failure


async def test_what_was_put_is_got_and_a_second_put_replaces_it(store: Store, key: str) -> None:
    await store.put(BUCKET, key, b"first", content_type="text/plain")
    await store.put(BUCKET, key, memoryview(b"second"), content_type="text/plain")
    assert await store.get(BUCKET, key) == b"second"


ODD_NAMES = ("a b+c%20d.jpg", "grün/日本/🖼", "q?x=1&y=2#f;g", "(~)*'!\"$@,:=", "tail.")


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
async def test_a_key_may_have_any_characters(store: Store, key: str, name: str) -> None:
    await store.put(BUCKET, f"{key}/{name}", name.encode(), content_type="text/plain")
    assert await store.get(BUCKET, f"{key}/{name}") == name.encode()
    assert (await store.stat(BUCKET, f"{key}/{name}")).size == len(name.encode())


async def test_an_empty_object_is_an_object_with_its_type_and_metadata(store: Store, key: str) -> None:
    metadata = {"source-sha256": "0" * 64, "note": "two  spaces, and more"}
    await store.put(BUCKET, key, b"", content_type="image/png", metadata=metadata)
    assert await store.get(BUCKET, key) == b""
    facts = await store.stat(BUCKET, key)
    assert (facts.size, facts.content_type, facts.metadata) == (0, "image/png", metadata)


async def test_a_large_object_is_put_and_got_whole(store: Store, key: str) -> None:
    content = PIECE * 50
    await store.put(BUCKET, key, memoryview(content), content_type="image/png")
    assert sha256(await store.get(BUCKET, key)).digest() == sha256(content).digest()


async def test_objects_are_put_and_got_side_by_side(store: Store, key: str) -> None:
    names = [f"{key}/{number}" for number in range(40)]
    await asyncio.gather(*(store.put(BUCKET, name, name.encode(), content_type="text/plain") for name in names))
    assert await asyncio.gather(*(store.get(BUCKET, name) for name in names)) == [name.encode() for name in names]


@pytest.mark.stack
async def test_a_bucket_that_is_missing_is_a_part_that_is_away_and_no_missing_object(
    real_store: ObjectStore, key: str
) -> None:
    with pytest.raises(DependencyAway, match="NoSuchBucket"):
        await real_store.get("no-such-bucket", key)


async def test_a_missing_object_is_said_to_be_missing(store: Store, key: str) -> None:
    with pytest.raises(ObjectMissing):
        await store.get(BUCKET, key)
    with pytest.raises(ObjectMissing):
        await collect(store, key)
    assert not await store.exists(BUCKET, key)


@pytest.mark.parametrize("pieces", [0, 1, 2, 20])
async def test_an_object_of_unknown_length_is_written_and_read_in_pieces(store: Store, key: str, pieces: int) -> None:
    await write(store, key, pieces)
    assert await store.exists(BUCKET, key)
    assert await collect(store, key) == PIECE * pieces


@pytest.mark.parametrize("pieces", [0, 1, 2, 20])
async def test_a_writer_that_fails_leaves_no_object(store: Store, key: str, pieces: int) -> None:
    with pytest.raises(RuntimeError, match="the source went away"):
        await write(store, key, pieces, failure=RuntimeError("the source went away"))
    assert not await store.exists(BUCKET, key)


async def test_a_copy_equals_its_source_in_bytes_type_and_metadata(store: Store, key: str) -> None:
    metadata = {"width": "640", "source-sha256": "0" * 64}
    await store.put(BUCKET, key, b"picture", content_type="image/png", metadata=metadata)
    await store.copy(BUCKET, key + ".copy", source_key=key)
    assert await store.get(BUCKET, key + ".copy") == b"picture"
    facts = await store.stat(BUCKET, key + ".copy")
    assert (facts.size, facts.content_type, facts.metadata) == (7, "image/png", metadata)


async def test_an_object_that_is_missing_has_no_facts_and_no_copy(store: Store, key: str) -> None:
    with pytest.raises(ObjectMissing):
        await store.stat(BUCKET, key)
    with pytest.raises(ObjectMissing):
        await store.copy(BUCKET, key + ".copy", source_key=key)
    assert not await store.exists(BUCKET, key + ".copy")


async def test_a_second_copy_replaces_the_first(store: Store, key: str) -> None:
    for content in (b"first", b"second"):
        await store.put(BUCKET, key, content, content_type="image/png", metadata={"bytes": str(len(content))})
        await store.copy(BUCKET, key + ".copy", source_key=key)
    assert await store.get(BUCKET, key + ".copy") == b"second"
    assert (await store.stat(BUCKET, key + ".copy")).metadata == {"bytes": "6"}


async def test_all_below_a_prefix_is_deleted_and_nothing_else_twice_without_harm(store: Store, key: str) -> None:
    prefix = key.removesuffix("object")
    for name in (key, prefix + "deep/er", f"other-{key}"):
        await store.put(BUCKET, name, b"x", content_type="text/plain")
    await store.delete_all(BUCKET, prefix)
    await store.delete_all(BUCKET, prefix)
    assert not await store.exists(BUCKET, key)
    assert not await store.exists(BUCKET, prefix + "deep/er")
    assert await store.exists(BUCKET, f"other-{key}")


@pytest.mark.checklist("A8")
@pytest.mark.stack
async def test_a_presigned_url_reads_the_object_with_its_type(real_store: ObjectStore, key: str) -> None:
    await real_store.put(BUCKET, key, b"picture", content_type="image/webp")
    url = real_store.presigned_get(BUCKET, key, valid_for=timedelta(minutes=5))
    async with plain_http() as client:
        answer = await client.get(url)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"picture", "image/webp")


@pytest.mark.parametrize("server", [pytest.param(server, marks=pytest.mark.stack) for server in SERVERS])
@pytest.mark.parametrize("wrong", ["s3_access_key", "s3_secret_key"])
async def test_a_server_that_refuses_us_is_a_part_that_is_away(
    server: str, wrong: str, key: str, request: pytest.FixtureRequest
) -> None:
    settings = settings_of(server, request).model_copy(update={wrong: SecretStr("x" * 40)})
    store = open_object_store(settings)
    try:
        with pytest.raises(
            DependencyAway, match=r"s3 is away: (AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch)"
        ):
            await store.put(BUCKET, key, b"x", content_type="text/plain")
    finally:
        await store.close()


async def test_a_server_that_does_not_answer_is_a_part_that_is_away(key: str) -> None:
    store = open_object_store(
        S3Settings(s3_endpoint="http://127.0.0.1:9", s3_access_key=SecretStr("k"), s3_secret_key=SecretStr("s"))
    )
    with pytest.raises(DependencyAway, match="s3 is away"):
        await store.get(BUCKET, key)
    with pytest.raises(DependencyAway, match="s3 is away"):
        await write(store, key, 64)
    await store.close()
