"""`GET /v1/requests/{id}/images`: what became of each image, in pages."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from services.aggregator.api.image_answer import ImageList, image_result
from services.aggregator.api.parameters import INVALID_PARAMETERS
from services.aggregator.api.statuses import Statuses
from services.aggregator.known_requests import RequestDamaged, RequestGone
from shared.events import Outcome
from shared.http.callers import OWNERS_ONLY, UNKNOWN_REQUEST, Callers, known_form, unknown_request
from shared.http.documented_problems import problem_answers
from shared.ids import Owner, RequestId
from shared.image_errors import ImageErrorCode
from shared.picture_urls import PictureUrls
from shared.request_files import ManifestImage

DEFAULT_PAGE = 100
LARGEST_PAGE = 500
MANIFESTS_AT_ONCE = 8

_MANIFEST_COLUMNS = ("index", "row", "line", "slot", "serial_number", "product_name")


class ResultPages(Protocol):
    async def page(
        self, request_id: RequestId, *, after: int, outcome: str | None, code: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Results by index. The manifest's columns, `row` among them, are null until the chunk is recorded."""
        ...


class Manifests(Protocol):
    async def manifest(self, request_id: RequestId, chunk: int) -> Sequence[ManifestImage]: ...


class ImageFilter(BaseModel):
    """Which images are listed. Another parameter is refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")

    outcome: Outcome | None = Field(default=None, description="Only images with this outcome.")
    code: ImageErrorCode | None = Field(default=None, description="Only images with this error code.")
    limit: int = Field(default=DEFAULT_PAGE, ge=1, le=LARGEST_PAGE, description="Images on the page at most.")
    cursor: int = Field(default=-1, ge=-1, le=2**31 - 1, description="`next_cursor` of the page before.")


class ImagePages:
    """Pages of results; the manifest helps out for images whose chunk is not recorded yet."""

    def __init__(self, pages: ResultPages, manifests: Manifests, urls: PictureUrls) -> None:
        self._pages = pages
        self._manifests = manifests
        self._urls = urls

    async def page(self, request_id: RequestId, chunk_size: int, wanted: ImageFilter) -> ImageList:
        """One page of results, and the cursor of the next one."""
        results = await self._pages.page(
            request_id, after=wanted.cursor, outcome=wanted.outcome, code=wanted.code, limit=wanted.limit
        )
        unrecorded = {result["index"] // chunk_size for result in results if result["row"] is None}
        images = await self._manifest_images(request_id, unrecorded)
        items = [
            image_result(result, images[result["index"]] if result["row"] is None else _recorded(result), self._urls)
            for result in results
        ]
        return ImageList(items=items, next_cursor=str(items[-1].index) if len(items) == wanted.limit else None)

    async def _manifest_images(self, request_id: RequestId, chunks: Iterable[int]) -> dict[int, ManifestImage]:
        gate = asyncio.Semaphore(MANIFESTS_AT_ONCE)

        async def read(chunk: int) -> Sequence[ManifestImage]:
            async with gate:
                return await self._manifests.manifest(request_id, chunk)

        try:
            read_chunks = await asyncio.gather(*(read(chunk) for chunk in sorted(chunks)))
        except RequestDamaged:
            raise
        except RequestGone as gone:
            raise unknown_request() from gone
        return {image.index: image for images in read_chunks for image in images}


def images_router(statuses: Statuses, images: ImagePages, *, callers: Callers) -> APIRouter:
    router = APIRouter(tags=["results"])

    @router.get(
        "/v1/requests/{request_id}/images",
        summary="List the images of a request",
        responses=problem_answers({**OWNERS_ONLY, **UNKNOWN_REQUEST, **INVALID_PARAMETERS}),
    )
    async def page(
        owner: Annotated[Owner, Depends(callers.owner)],
        request_id: Annotated[RequestId, Depends(known_form)],
        wanted: Annotated[ImageFilter, Query()],
    ) -> ImageList:
        """Images with a result in the order of the CSV; `next_cursor` continues."""
        request = await statuses.find(request_id, owner)
        return await images.page(request_id, request.chunk_size, wanted)

    return router


def _recorded(result: Mapping[str, Any]) -> ManifestImage:
    shown = {name: result[name] for name in _MANIFEST_COLUMNS}
    return ManifestImage(**shown, url=result["source_url"])
