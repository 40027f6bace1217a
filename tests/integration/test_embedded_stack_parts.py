"""The three parts as plain processes: they come back with data and port."""

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from minio import Minio

from tests.stack import EmbeddedParts, temporary_home

TOPIC = "things"
BUCKET = "things"


pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parts() -> AsyncIterator[EmbeddedParts]:
    with temporary_home() as home:
        running = EmbeddedParts(home, without_external_parts())
        try:
            await running.start()
            yield running
        finally:
            await running.stop()


def without_external_parts() -> dict[str, str]:
    external = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "S3_ENDPOINT")
    return {name: value for name, value in os.environ.items() if name not in external}


async def kill_and_restart(parts: EmbeddedParts, name: str) -> None:
    child = parts.children[name]
    child.identity.send(signal.SIGKILL)
    assert await child.wait() == -signal.SIGKILL
    await parts.start_part(parts.part(name))


def s3_client(parts: EmbeddedParts) -> Minio:
    settings = parts.environment()
    return Minio(
        settings["S3_ENDPOINT"].removeprefix("http://"),
        access_key=settings["S3_ACCESS_KEY"],
        secret_key=settings["S3_SECRET_KEY"],
        secure=False,
        region=settings["S3_REGION"],
    )


async def produce(parts: EmbeddedParts, value: bytes) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=parts.environment()["KAFKA_BOOTSTRAP_SERVERS"], acks="all", enable_idempotence=True
    ) as producer:
        await producer.send_and_wait(TOPIC, value)


async def values(parts: EmbeddedParts, count: int) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=parts.environment()["KAFKA_BOOTSTRAP_SERVERS"], auto_offset_reset="earliest"
    )
    async with consumer:
        consumer.assign([TopicPartition(TOPIC, 0)])
        return [(await asyncio.wait_for(anext(consumer), 20)).value for _ in range(count)]


async def create_topic(parts: EmbeddedParts) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=parts.environment()["KAFKA_BOOTSTRAP_SERVERS"])
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    finally:
        await admin.close()


async def test_kafka_comes_back_after_a_kill_with_its_records_on_its_port(parts: EmbeddedParts) -> None:
    await create_topic(parts)
    await produce(parts, b"before")
    await kill_and_restart(parts, "kafka")
    await produce(parts, b"after")
    assert await values(parts, 2) == [b"before", b"after"]


async def test_postgres_comes_back_after_a_kill_with_its_rows_on_its_port(parts: EmbeddedParts) -> None:
    url = parts.environment()["DATABASE_URL"]
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE things (name text); INSERT INTO things VALUES ('kept')")
    connection.terminate()
    await kill_and_restart(parts, "postgres")
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT name FROM things") == "kept"
    await connection.close()


async def test_s3_comes_back_after_a_kill_with_its_objects_on_its_port(parts: EmbeddedParts) -> None:
    def put(name: str) -> None:
        s3_client(parts).put_object(BUCKET, name, io.BytesIO(name.encode()), len(name))

    def get(name: str) -> bytes:
        with s3_client(parts).get_object(BUCKET, name) as response:
            return bytes(response.read())

    await asyncio.to_thread(s3_client(parts).make_bucket, BUCKET)
    await asyncio.to_thread(put, "before")
    await kill_and_restart(parts, "s3")
    await asyncio.to_thread(put, "after")
    assert [await asyncio.to_thread(get, name) for name in ("before", "after")] == [b"before", b"after"]


async def test_everything_listens_on_the_loopback_address_only(parts: EmbeddedParts) -> None:
    ours = {child.identity.pid for child in parts.children.values()}
    listening = [socket for pid in ours for socket in listening_addresses(pid)]
    assert len(listening) >= 10
    assert {address for address, _ in listening} == {"127.0.0.1"}


async def test_a_password_or_a_key_is_needed(parts: EmbeddedParts) -> None:
    url = parts.environment()["DATABASE_URL"]
    password = url.split(":")[2].split("@")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url.replace(password, "wrong"))


def listening_addresses(pid: int) -> list[tuple[str, int]]:
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    return [found for table in ("tcp", "tcp6") for found in listening_in(Path(f"/proc/{pid}/net/{table}"), inodes)]


def listening_in(table: Path, inodes: set[str]) -> list[tuple[str, int]]:
    found = []
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            address, port = fields[1].split(":")
            # Little-endian words; an IPv4 address within IPv6 stands in the last one.
            octets = bytes.fromhex(address[-8:])[::-1]
            found.append((".".join(map(str, octets)), int(port, 16)))
    return found
