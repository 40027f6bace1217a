"""One image as users get it: where it stands in the CSV, and what became of it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from shared.events import ImageError, Note, Outcome, SourceFacts
from shared.picture_urls import PictureUrls
from shared.request_files import ManifestImage


class ImageRendition(BaseModel):
    """One output of the image; the URL needs no key."""

    name: str
    url: str
    format: str
    width: int
    height: int
    bytes: int


class ImageResult(BaseModel):
    """`row` counts data rows from 1, `line` physical lines from 1, `slot` the URLs of the row from 0."""

    index: int
    row: int
    line: int
    slot: int
    serial_number: str
    product_name: str
    source_url: str
    outcome: Outcome
    note: Note | None
    error: ImageError | None
    source: SourceFacts | None
    renditions: list[ImageRendition]
    attempts: int


class ImageList(BaseModel):
    """A page of results in the order of the CSV; `next_cursor` continues, and is null on the last page."""

    items: list[ImageResult]
    next_cursor: str | None


def image_result(result: Mapping[str, Any], image: ManifestImage, urls: PictureUrls) -> ImageResult:
    """Put together what is shown of an image."""
    error = None
    if result["error_code"]:
        error = ImageError(code=result["error_code"], message=result["error_message"] or "")
    return ImageResult(
        index=image.index,
        row=image.row,
        line=image.line,
        slot=image.slot,
        serial_number=image.serial_number,
        product_name=image.product_name,
        source_url=image.url,
        outcome=result["outcome"],
        note=result["note"],
        error=error,
        source=result["source"],
        renditions=[_rendition(rendition, urls) for rendition in result["renditions"]],
        attempts=result["attempts"],
    )


def _rendition(rendition: Mapping[str, Any], urls: PictureUrls) -> ImageRendition:
    return ImageRendition.model_validate({**rendition, "url": urls.url(rendition["key"])})
