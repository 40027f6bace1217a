"""What `python -m deploy.prepare` does to the S3 server."""

from urllib.parse import urlsplit

import pytest
from minio import Minio

from deploy.prepare import create_buckets
from tests.stack import StackForTests

pytestmark = pytest.mark.stack

BUCKETS = ("prepared-requests", "prepared-images")


async def test_buckets_are_made_once_and_are_empty(stack: StackForTests, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = stack.environment() | dict(zip(("S3_BUCKET_REQUESTS", "S3_BUCKET_IMAGES"), BUCKETS, strict=True))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    server = Minio(
        urlsplit(settings["S3_ENDPOINT"]).netloc,
        access_key=settings["S3_ACCESS_KEY"],
        secret_key=settings["S3_SECRET_KEY"],
        secure=False,
        region="us-east-1",
    )
    await create_buckets()
    await create_buckets()
    for bucket in BUCKETS:
        assert server.bucket_exists(bucket)
        assert not list(server.list_objects(bucket, recursive=True))
