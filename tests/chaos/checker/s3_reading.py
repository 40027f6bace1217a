"""S3 read from outside: every object that an output names is fetched and decoded."""

import io
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import urlsplit

from minio import Minio
from minio.error import S3Error
from PIL import Image, UnidentifiedImageError

from tests.chaos.checker.evidence import Unreadable
from tests.chaos.source_pictures import Shape

_THREADS: Final = 4


class S3Reading:
    """The bucket of images."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        endpoint = urlsplit(settings["S3_ENDPOINT"])
        self._client = Minio(
            endpoint.netloc,
            access_key=settings["S3_ACCESS_KEY"],
            secret_key=settings["S3_SECRET_KEY"],
            region=settings["S3_REGION"],
            secure=endpoint.scheme == "https",
        )
        self._bucket = settings["S3_BUCKET_IMAGES"]

    def pictures(self, keys: Iterable[str]) -> dict[str, Shape | Unreadable]:
        """What lies under each key."""
        wanted = list(keys)
        with ThreadPoolExecutor(_THREADS) as threads:
            return dict(zip(wanted, threads.map(self._picture, wanted), strict=True))

    def _picture(self, key: str) -> Shape | Unreadable:
        try:
            response = self._client.get_object(self._bucket, key)
        except S3Error as error:
            return Unreadable(str(error.code))
        with response:
            content = response.read()
            response.release_conn()
        return decoded(content)


def decoded(content: bytes) -> Shape | Unreadable:
    """The shape of a picture whose every pixel could be read."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            return Shape(image.width, image.height, (image.format or "").lower())
    except (UnidentifiedImageError, OSError) as error:
        return Unreadable(str(error))
