"""What became of the images: as pages of JSON, and as the CSVs."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from services.aggregator.api.access import Auth, key_check, known_form, unknown_request
from services.aggregator.api.status import Statuses
from shared import object_keys
from shared.http.problems import Problem
from shared.ids import RequestId
from shared.image_errors import ImageErrorCode
from shared.object_store import ObjectMissing
from shared.picture_urls import PictureUrls
from shared.request_files import ManifestImage

NOT_YET_SECONDS = 2
DEFAULT_PAGE = 100
LARGEST_PAGE = 500
MANIFESTS_AT_ONCE = 8


class ResultPages(Protocol):
    async def page(
        self, request_id: RequestId, *, after: int, outcome: str | None, code: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]: ...


class Manifests(Protocol):
    async def manifest(self, request_id: RequestId, chunk: int) -> Sequence[ManifestImage]: ...


class CsvObjects(Protocol):
    def stream(self, bucket: str, key: str) -> AsyncIterator[bytes]: ...


class ImagePages:
    """Joins results with the manifest, which knows the rows and source URLs."""

    def __init__(self, pages: ResultPages, manifests: Manifests, urls: PictureUrls) -> None:
        self._pages = pages
        self._manifests = manifests
        self._urls = urls

    async def page(self, request_id: RequestId, chunk_size: int, **wanted: Any) -> dict[str, Any]:
        """One page of results, and the cursor of the next one."""
        results = await self._pages.page(request_id, **wanted)
        images = await self._images(request_id, {result["index"] // chunk_size for result in results})
        cursor = str(results[-1]["index"]) if len(results) == wanted["limit"] else None
        return {"items": [self._item(result, images[result["index"]]) for result in results], "next_cursor": cursor}

    async def _images(self, request_id: RequestId, chunks: Iterable[int]) -> dict[int, ManifestImage]:
        gate = asyncio.Semaphore(MANIFESTS_AT_ONCE)

        async def read(chunk: int) -> Sequence[ManifestImage]:
            async with gate:
                return await self._manifests.manifest(request_id, chunk)

        try:
            read_chunks = await asyncio.gather(*(read(chunk) for chunk in sorted(chunks)))
        except ObjectMissing as error:
            raise unknown_request() from error
        return {image.index: image for images in read_chunks for image in images}

    def _item(self, result: Mapping[str, Any], image: ManifestImage) -> dict[str, Any]:
        error = {"code": result["error_code"], "message": result["error_message"]} if result["error_code"] else None
        return {
            "index": image.index,
            "row": image.row,
            "line": image.line,
            "slot": image.slot,
            "serial_number": image.serial_number,
            "product_name": image.product_name,
            "source_url": image.url,
            "outcome": result["outcome"],
            "note": result["note"],
            "error": error,
            "source": result["source"],
            "renditions": [self._rendition(rendition) for rendition in result["renditions"]],
            "attempts": result["attempts"],
        }

    def _rendition(self, rendition: Mapping[str, Any]) -> dict[str, Any]:
        shown = {name: rendition[name] for name in ("format", "width", "height", "bytes")}
        return {"name": rendition["name"], "url": self._urls.url(rendition["key"]), **shown}


def images_router(statuses: Statuses, images: ImagePages, *, auth: Auth) -> APIRouter:
    router = APIRouter(tags=["results"], dependencies=[Depends(key_check(auth))])

    @router.get("/v1/requests/{request_id}/images")
    async def page(
        request_id: Annotated[RequestId, Depends(known_form)],
        outcome: Literal["succeeded", "failed", "not_attempted"] | None = None,
        code: ImageErrorCode | None = None,
        limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = DEFAULT_PAGE,
        cursor: Annotated[int, Query(ge=-1, le=2**31 - 1)] = -1,
    ) -> dict[str, Any]:
        """Results in the order of the CSV, as far as there are any; `next_cursor` continues."""
        request = await statuses.find(request_id)
        return await images.page(request_id, request.chunk_size, after=cursor, outcome=outcome, code=code, limit=limit)

    return router


def csv_router(statuses: Statuses, objects: CsvObjects, bucket: str, *, auth: Auth) -> APIRouter:
    router = APIRouter(tags=["results"], dependencies=[Depends(key_check(auth))])

    @router.get("/v1/requests/{request_id}/output.csv", response_class=StreamingResponse)
    async def output(request_id: Annotated[RequestId, Depends(known_form)]) -> StreamingResponse:
        """The input with the URLs of the compressed pictures; 404 before the end."""
        request = await statuses.find(request_id)
        if request.assembled_at is None:
            raise _not_yet("output-not-ready")
        return await _attachment(objects, bucket, object_keys.output_csv(request_id), f"{request_id}-output.csv")

    @router.get("/v1/requests/{request_id}/failures.csv", response_class=StreamingResponse)
    async def failures(request_id: Annotated[RequestId, Depends(known_form)]) -> StreamingResponse:
        """The rows with failures, ready to be submitted again; 404 before the end, and when nothing failed."""
        request = await statuses.find(request_id)
        if request.assembled_at is None:
            raise _not_yet("failures-not-ready")
        if request.failures_sha256 is None:
            raise Problem(404, "no-failures", "Every image of this request succeeded, so there is no such file.")
        return await _attachment(objects, bucket, object_keys.failures_csv(request_id), f"{request_id}-failures.csv")

    return router


def _not_yet(kind: str) -> Problem:
    detail = "The request has not reached its end. Ask its status, or try again shortly."
    return Problem(404, kind, detail, headers={"Retry-After": str(NOT_YET_SECONDS)})


async def _attachment(objects: CsvObjects, bucket: str, key: str, filename: str) -> StreamingResponse:
    pieces = objects.stream(bucket, key)
    try:
        # The first piece comes before the status line, so that a missing object is still a 404.
        first = await anext(pieces, b"")
    except ObjectMissing as error:
        raise unknown_request() from error
    headers = {"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-store"}
    return StreamingResponse(_continued(first, pieces), media_type="text/csv", headers=headers)


async def _continued(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
