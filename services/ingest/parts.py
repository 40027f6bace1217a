"""The outside systems of a process of ingest, opened."""

from contextlib import AsyncExitStack
from typing import Final, NamedTuple

from services.ingest.adapters.postgres_requests import PostgresRequests
from services.ingest.adapters.postgres_uploads import PostgresUploads
from services.ingest.adapters.s3_requests import S3Requests
from services.ingest.settings import IngestSettings
from shared.kafka.connection import KafkaConnection
from shared.kafka.producer import EventProducer
from shared.object_store import ObjectStore, open_object_store
from shared.postgres import Database

# Every upload holds one thread of the store for its whole time; manifest chunks need others.
SPARE_STORE_THREADS: Final = 16
# A caller waits for these, so a database that hangs is said to be away soon.
STATEMENT_SECONDS: Final = 10.0


class Parts(NamedTuple):
    """The outside systems, as this process reaches them."""

    connection: KafkaConnection
    producer: EventProducer
    database: Database
    store: ObjectStore
    objects: S3Requests
    requests: PostgresRequests
    uploads: PostgresUploads


def open_parts(settings: IngestSettings, opened: AsyncExitStack, *, name: str) -> Parts:
    """Nothing is reached yet; what was opened is closed with `opened`."""
    connection = KafkaConnection(settings)
    producer = EventProducer(connection, f"pixelmill/{name}")
    opened.push_async_callback(producer.stop)
    database = Database(settings, statement_seconds=STATEMENT_SECONDS)
    opened.push_async_callback(database.close)
    store = open_object_store(settings, threads=settings.uploads_at_once + SPARE_STORE_THREADS)
    opened.push_async_callback(store.close)
    return Parts(
        connection=connection,
        producer=producer,
        database=database,
        store=store,
        objects=S3Requests(store, settings.s3_bucket_requests, images_bucket=settings.s3_bucket_images),
        requests=PostgresRequests(database),
        uploads=PostgresUploads(database, quotas=settings.quotas()),
    )
