"""Makes the parts ready for the services: tables, topics, buckets. `python -m deploy.prepare`, safe to run twice.

Each of the three waits for its part, so this may be started together with the parts.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Mapping

import asyncpg
from minio.error import MinioException
from pydantic import ValidationError

from deploy.migrate import MigrationChanged, migrate
from shared.errors import DependencyAway
from shared.kafka.admin import PartitionsChanged, create_topics
from shared.kafka.connection import KafkaConnection
from shared.object_store import ObjectStore, open_object_store
from shared.settings import KafkaSettings, PostgresSettings, S3Settings

PATIENCE_SECONDS = 180.0
PAUSE_SECONDS = 0.1
FIRST_OBJECT = "first-object"
AWAY = (DependencyAway, OSError, TimeoutError, asyncpg.CannotConnectNowError)
WRONG = (MigrationChanged, PartitionsChanged, asyncpg.PostgresError, MinioException, ValidationError)

Step = Callable[[], Awaitable[list[str]]]


class NotPrepared(Exception):
    """A part did not become usable in time."""


async def create_tables() -> list[str]:
    """Apply the migrations that are outstanding."""
    names = await migrate(PostgresSettings().database_url.get_secret_value())
    return [f"applied {name}" for name in names]


async def create_missing_topics() -> list[str]:
    """Create the topics that are missing."""
    names = await create_topics(KafkaConnection(KafkaSettings()))
    return [f"created topic {name}" for name in names]


async def create_buckets() -> list[str]:
    """Create the two buckets where they are missing."""
    settings = S3Settings()
    store = open_object_store(settings)
    try:
        for bucket in (settings.s3_bucket_requests, settings.s3_bucket_images):
            await prepare_bucket(store, bucket)
    finally:
        await store.close()
    return []


async def prepare_bucket(store: ObjectStore, bucket: str) -> None:
    """Create a bucket if it is missing, and let its server make room for objects."""
    if await store.create_bucket(bucket):
        # With a bucket's first object SeaweedFS makes volumes, which takes a fifth of a second: no CSV waits for that.
        await store.put(bucket, FIRST_OBJECT, b"first", content_type="text/plain")
        await store.delete_all(bucket, FIRST_OBJECT)


STEPS: Mapping[str, Step] = {"postgres": create_tables, "kafka": create_missing_topics, "s3": create_buckets}


async def prepare(names: Collection[str], patience_seconds: float) -> None:
    """Create what is missing in these parts, side by side. Every step is done when one of them fails."""
    steps = (patiently(name, STEPS[name], patience_seconds) for name in names)
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    for problem in outcomes:
        if problem is not None:
            raise problem


async def patiently(name: str, step: Step, patience_seconds: float) -> None:
    """Do a step once its part can be reached, and print what it did; give up when that takes too long."""
    started = time.monotonic()
    while True:
        try:
            done = await step()
        except AWAY as error:
            if time.monotonic() - started > patience_seconds:
                raise NotPrepared(f"{name} cannot be reached: {error}") from error
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            sys.stdout.write("".join(f"{line}\n" for line in [*done, f"{name} is prepared"]))
            return


def main() -> int:
    """Prepare with the settings of the environment; say in one line what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m deploy.prepare", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*STEPS, []], help="what to prepare (default: everything)")
    parser.add_argument("--patience", type=float, default=PATIENCE_SECONDS, help="seconds to wait for a part")
    arguments = parser.parse_args()
    # A broker that is not up yet is no news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        asyncio.run(prepare(arguments.parts or list(STEPS), arguments.patience))
    except (NotPrepared, *WRONG) as problem:
        sys.stderr.write(f"{type(problem).__name__}: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
