"""Callback URLs as they lie in storage."""

import logging

import pytest

from services.notifier.adapters.s3_callbacks import S3Callbacks
from shared.object_keys import request_object
from shared.object_memory import MemoryObjects
from tests.unit.notifier.fakes import REQUEST

BUCKET = "requests"


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"{}"])
async def test_of_a_damaged_request_no_url_is_known_and_that_is_said(
    data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryObjects()
    store.objects[BUCKET, request_object(REQUEST)] = data
    assert await S3Callbacks(store, BUCKET).url_for(REQUEST) is None
    (said,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert vars(said)["request_id"] == REQUEST


async def test_a_request_that_was_deleted_has_no_url(caplog: pytest.LogCaptureFixture) -> None:
    assert await S3Callbacks(MemoryObjects(), BUCKET).url_for(REQUEST) is None
    assert caplog.records == []
