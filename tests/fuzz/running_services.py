"""All four services as processes on one stack, and who may call them."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import uuid4

import httpx2

from deploy.migrate import migrate
from services.ingest.settings import IngestSettings
from shared.kafka.admin import create_topics
from shared.kafka.connection import KafkaConnection
from shared.object_store import open_object_store
from shared.topics import partitioned
from tests.callers import OPERATOR, OPERATOR_KEY
from tests.ports import free_port
from tests.stack import StackForTests
from tests.waiting import until

ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "ingest": ("api", "planner"),
    "aggregator": ("api",),
    "notifier": (),
    "processor": (),
}
BUCKETS: Final = ("test-fuzz", "test-fuzz-images")
READY_SECONDS: Final = 120.0
CSV: Final = b"Serial Number,Product Name,Image URLs\n1,Lamp,https://shop.invalid/1.jpg\n"


@dataclass(frozen=True)
class Services:
    """Where each service answers, what its callers send, and a request that runs."""

    urls: Mapping[str, str]
    owner: Mapping[str, str]
    operator: Mapping[str, str]
    request_id: str


@contextmanager
def running_services(stack: StackForTests, auth: str) -> Iterator[Services]:
    """The services, ready, with `AUTH` as given; they are killed at the end."""
    environment = _environment(stack, auth)
    asyncio.run(_prepare(environment))
    ports = {name: free_port() for name in ROLES}
    processes = [_start(name, port, environment) for name, port in ports.items()]
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    try:
        asyncio.run(_ready(urls, processes))
        yield _services(urls, auth)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def _environment(stack: StackForTests, auth: str) -> dict[str, str]:
    return {
        **os.environ,
        **stack.environment(),
        "KAFKA_TOPIC_PREFIX": f"fuzz-{uuid4().hex[:8]}.",
        "KAFKA_PARTITIONS": "embedded",
        "KAFKA_REPLICATION_FACTOR": "1",
        "S3_BUCKET_REQUESTS": BUCKETS[0],
        "S3_BUCKET_IMAGES": BUCKETS[1],
        "URL_SIGNING_KEY": "a key for tests only",
        "WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "WEBHOOK_SECRETS_KEY": "a key for tests only, 32 characters or more",
        "AUTH": auth,
        "OPERATOR_KEY": OPERATOR_KEY,
        "LOG_LEVEL": "ERROR",
        **{f"QUOTA_{quota}": "0" for quota in ("REQUESTS_PER_HOUR", "REQUESTS_IN_FLIGHT")},
    }


async def _prepare(environment: Mapping[str, str]) -> None:
    settings = IngestSettings.model_validate({name.lower(): value for name, value in environment.items()})
    await migrate(settings.database_url.get_secret_value())
    store = open_object_store(settings)
    for bucket in BUCKETS:
        await store.create_bucket(bucket)
    await store.close()
    await create_topics(KafkaConnection(settings), partitioned("embedded"))


def _start(name: str, port: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"services.{name}", *ROLES[name]]
    return subprocess.Popen(command, env={**environment, "HTTP_PORT": str(port)})


async def _ready(urls: Mapping[str, str], processes: Sequence[subprocess.Popen[bytes]]) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:

        async def is_ready(url: str) -> bool:
            assert all(process.poll() is None for process in processes), "a service has ended"
            with contextlib.suppress(httpx2.TransportError):
                return (await client.get(f"{url}/readyz")).status_code == 200
            return False

        for name, url in urls.items():
            await until(partial(is_ready, url), seconds=READY_SECONDS, what=f"{name} is ready")


def _services(urls: Mapping[str, str], auth: str) -> Services:
    operator = dict(OPERATOR) if auth == "required" else {}
    with httpx2.Client(base_url=urls["ingest"], trust_env=False) as client:
        order = {"owner": "fuzz", "name": "fuzz"}
        key = client.post("/v1/keys", json=order, headers=operator).raise_for_status().json()["key"]
        owner = {"Authorization": f"Bearer {key}"} if auth == "required" else {}
        answer = client.post("/v1/requests", content=CSV, headers={**owner, "Content-Type": "text/csv"})
        return Services(urls, owner, operator, answer.raise_for_status().json()["request_id"])
