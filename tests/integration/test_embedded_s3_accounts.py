"""The accounts at the embedded S3 server: the one of processors stores and reads pictures, and can do nothing else."""

import io
from collections.abc import Callable

import httpx2
import pytest
from minio import Minio
from minio.commonconfig import CopySource
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

from deploy.embedded.stack_settings import IMAGES_BUCKET
from tests.stack import StackForTests

REQUESTS, IMAGES = "pixelmill-requests", IMAGES_BUCKET

pytestmark = pytest.mark.stack


def client(stack: StackForTests, account: str = "S3") -> Minio:
    settings = stack.environment()
    if f"{account}_ACCESS_KEY" not in settings:
        pytest.skip("the S3 server is not the embedded one")
    return Minio(
        settings["S3_ENDPOINT"].removeprefix("http://"),
        access_key=settings[f"{account}_ACCESS_KEY"],
        secret_key=settings[f"{account}_SECRET_KEY"],
        secure=False,
        region="us-east-1",
    )


@pytest.fixture(scope="module")
def stored(stack: StackForTests) -> Minio:
    """One object in each bucket; returns the client of their owner."""
    owner = client(stack)
    for bucket in (REQUESTS, IMAGES, f"{IMAGES}-of-others"):
        if not owner.bucket_exists(bucket):
            owner.make_bucket(bucket)
        owner.put_object(bucket, "there/0", io.BytesIO(b"old"), 3)
    return owner


@pytest.mark.checklist("D5")
def test_the_account_of_processors_stores_reads_and_copies_pictures(stack: StackForTests, stored: Minio) -> None:
    processor = client(stack, "S3_IMAGES")
    processor.put_object(IMAGES, "request/0/compressed.png", io.BytesIO(b"picture"), 7, "image/png")
    processor.copy_object(IMAGES, "request/1/compressed.png", CopySource(IMAGES, "request/0/compressed.png"))
    assert processor.stat_object(IMAGES, "request/1/compressed.png").content_type == "image/png"
    with pytest.raises(S3Error, match="NoSuchKey"):
        processor.stat_object(IMAGES, "request/2/compressed.png")
    assert stored.stat_object(IMAGES, "request/0/compressed.png").size == 7


@pytest.mark.checklist("D5")
@pytest.mark.parametrize(
    "forbidden",
    [
        pytest.param(lambda s3: list(s3.list_objects(IMAGES)), id="list pictures"),
        pytest.param(lambda s3: list(s3.list_objects(IMAGES, use_api_v1=True)), id="list pictures the old way"),
        pytest.param(lambda s3: s3.remove_object(IMAGES, "there/0"), id="delete a picture"),
        pytest.param(lambda s3: list(s3.list_objects(REQUESTS)), id="list requests"),
        pytest.param(lambda s3: s3.get_object(REQUESTS, "there/0"), id="read a request"),
        pytest.param(lambda s3: s3.put_object(REQUESTS, "new", io.BytesIO(b"x"), 1), id="write a request"),
        pytest.param(lambda s3: s3.copy_object(IMAGES, "new", CopySource(REQUESTS, "there/0")), id="copy a request"),
        pytest.param(lambda s3: s3.get_object(f"{IMAGES}-of-others", "there/0"), id="read another bucket"),
        pytest.param(lambda s3: s3.make_bucket("new"), id="make a bucket"),
        pytest.param(lambda s3: s3.remove_bucket(IMAGES), id="remove the bucket"),
        pytest.param(lambda s3: s3.get_bucket_policy(IMAGES), id="read who may do what"),
        pytest.param(lambda s3: s3.set_bucket_policy(IMAGES, "{}"), id="say who may do what"),
    ],
)
def test_the_account_of_processors_can_do_nothing_else(
    stack: StackForTests, stored: Minio, forbidden: Callable[[Minio], object]
) -> None:
    with pytest.raises(S3Error, match="AccessDenied"):
        forbidden(client(stack, "S3_IMAGES"))
    assert stored.stat_object(IMAGES, "there/0").size == stored.stat_object(REQUESTS, "there/0").size == 3


@pytest.mark.checklist("D5")
def test_the_account_of_processors_sees_no_bucket_and_deletes_not_by_lists_either(
    stack: StackForTests, stored: Minio
) -> None:
    processor = client(stack, "S3_IMAGES")
    assert processor.list_buckets() == []
    refused = list(processor.remove_objects(IMAGES, [DeleteObject("there/0")]))
    assert [error.code for error in refused] == ["AccessDenied"]
    assert stored.stat_object(IMAGES, "there/0").size == 3


@pytest.mark.checklist("A8")
@pytest.mark.parametrize("path", ["", f"{IMAGES}", f"{IMAGES}/", f"{IMAGES}?list-type=2", f"{IMAGES}/there/0"])
def test_without_a_key_nothing_is_listed_or_read(stack: StackForTests, stored: Minio, path: str) -> None:
    assert stored.bucket_exists(IMAGES)
    answer = httpx2.get(f"{stack.environment()['S3_ENDPOINT']}/{path}", trust_env=False)
    assert answer.status_code == 403
