"""The manifest of a retry: the images of the original, and for each that succeeded where its pictures are."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from services.ingest.domain.manifest import ManifestChunk


class DamagedResults(ValueError):
    """Manifest and results do not tell of the same images, or cannot be read."""


class RetriedChunk(NamedTuple):
    """A chunk of the new manifest, and how many of its images are carried over."""

    chunk: ManifestChunk
    carried_over: int


def retried_chunk(number: int, manifest: bytes, results: Sequence[bytes]) -> RetriedChunk:
    """The chunk with the pictures of what succeeded. `results` are the lines of results.jsonl for its images.

    What has no result of its own keeps what it was to carry over: it may have been cancelled before its turn.
    """
    # Plain JSON, no models: a million images are retried while a caller waits.
    images = _manifest_images(number, manifest)
    if len(images) != len(results):
        raise DamagedResults(f"chunk {number} has {len(images)} images and {len(results)} results")
    try:
        for image, line in zip(images, results, strict=True):
            _note(image, json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedResults(f"a result of chunk {number} cannot be used: {error}") from error
    body = "".join(json.dumps(image, separators=(",", ":")) + "\n" for image in images)
    return RetriedChunk(ManifestChunk(number, body.encode()), sum("carry_over" in image for image in images))


def _manifest_images(number: int, manifest: bytes) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in manifest.splitlines()]
    except ValueError as error:
        raise DamagedResults(f"manifest chunk {number} cannot be read: {error}") from error


def _note(image: dict[str, Any], result: dict[str, Any]) -> None:
    if result["index"] != image["index"]:
        raise DamagedResults(f"image {image['index']} has the result of {result['index']}")
    if image.get("carry_over") is None:
        image.pop("carry_over", None)
    if result["outcome"] == "succeeded":
        image["carry_over"] = _carried(result["keys"])


def _carried(keys: dict[str, str]) -> dict[str, Any]:
    """Where the pictures are. Slots that share a source share its objects, which lie under the first one's index."""
    request_id, index, _ = next(iter(keys.values()), "").split("/")
    renditions = [{"name": name, "key": key} for name, key in keys.items()]
    return {"request_id": request_id, "index": int(index), "renditions": renditions}
