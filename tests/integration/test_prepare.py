"""What `python -m deploy.prepare` does to the S3 server."""

from urllib.parse import urlsplit

import pytest
from minio import Minio

from deploy.prepare import FIRST_OBJECT, create_buckets
from shared.object_store import ObjectStore
from tests.stack import StackForTests

pytestmark = pytest.mark.stack

BUCKETS = ("prepared-requests", "prepared-images")


async def test_a_new_bucket_has_had_one_object_and_is_empty(
    stack: StackForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    put = ObjectStore.put

    async def noted(self: ObjectStore, bucket: str, key: str, data: bytes, *, content_type: str) -> None:
        written.append((bucket, key))
        await put(self, bucket, key, data, content_type=content_type)

    monkeypatch.setattr(ObjectStore, "put", noted)
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
    assert written == [(bucket, FIRST_OBJECT) for bucket in BUCKETS]
    for bucket in BUCKETS:
        assert server.bucket_exists(bucket)
        assert not list(server.list_objects(bucket, recursive=True))
