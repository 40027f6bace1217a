"""Callback URLs as they stand in `request.json`."""

from shared.ids import RequestId
from shared.object_keys import request_object
from shared.object_store import ObjectMissing, ObjectStore
from shared.request_files import RequestFile


class S3Callbacks:
    def __init__(self, store: ObjectStore, bucket: str) -> None:
        self._store = store
        self.bucket = bucket

    async def url_for(self, request_id: RequestId) -> str | None:
        """The callback URL, or None when none was given or the request was deleted since."""
        try:
            data = await self._store.get(self.bucket, request_object(request_id))
        except ObjectMissing:
            return None
        return RequestFile.model_validate_json(data).callback_url

    async def knows(self, request_id: RequestId) -> bool:
        """Whether there is such a request."""
        return await self._store.exists(self.bucket, request_object(request_id))
