"""Callback URLs as they stand in `request.json`."""

import logging
from typing import Protocol

from pydantic import ValidationError

from services.notifier.metrics import DAMAGED
from shared.ids import Owner, RequestId
from shared.object_keys import request_object
from shared.object_store import ObjectMissing
from shared.request_files import RequestFile

log = logging.getLogger(__name__)


class Objects(Protocol):
    async def get(self, bucket: str, key: str) -> bytes: ...


class S3Callbacks:
    def __init__(self, store: Objects, bucket: str) -> None:
        self._store = store
        self.bucket = bucket

    async def url_for(self, request_id: RequestId) -> str | None:
        """The callback URL, or None when none was given, none can be read, or the request was deleted since."""
        request = await self._request(request_id)
        return None if request is None else request.callback_url

    async def is_of(self, owner: Owner, request_id: RequestId) -> bool:
        """Whether there is such a request, and it is this owner's."""
        request = await self._request(request_id)
        return request is not None and request.owner == owner

    async def _request(self, request_id: RequestId) -> RequestFile | None:
        try:
            data = await self._store.get(self.bucket, request_object(request_id))
            return RequestFile.model_validate_json(data)
        except ObjectMissing:
            return None
        except ValidationError as error:
            # One damaged file must not stop the webhooks of all others.
            DAMAGED.inc()
            places = sorted({".".join(map(str, each["loc"])) for each in error.errors()})[:5]
            log.error("request.json is damaged, no webhook is owed", extra={"request_id": request_id, "places": places})
            return None
