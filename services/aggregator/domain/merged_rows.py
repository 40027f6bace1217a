"""Joins the input's rows with the manifest and the results, all three read once and in order."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.aggregator.domain.output_csv import Slot
from shared.events import Outcome
from shared.request_files import ManifestImage


class Misaligned(Exception):
    """Manifest and results do not tell of the same images: a file or a row of the request is damaged."""


@dataclass(frozen=True, slots=True)
class ImageOutcome:
    """What the CSV needs to know of one result; `keys` are object keys by rendition."""

    index: int
    outcome: Outcome
    error_code: str | None
    keys: dict[str, str]


@dataclass(frozen=True, slots=True)
class MergedRow:
    """One row of the input and its slots in order."""

    cells: Sequence[str]
    slots: Sequence[Slot]

    @property
    def has_failures(self) -> bool:
        return any(not slot.succeeded for slot in self.slots)


def merged(
    records: Iterable[Sequence[str]],
    images: Iterable[ManifestImage],
    outcomes: Iterable[ImageOutcome],
    *,
    picture_url: Callable[[str], str],
) -> Iterator[MergedRow]:
    """Yield every record with its slots. `records` are the data rows; empty lines among them are not counted."""
    slots = _numbered_slots(images, outcomes, picture_url)
    ahead = next(slots, None)
    row = 0
    for cells in records:
        own: list[Slot] = []
        row += 0 if is_blank(cells) else 1
        while not is_blank(cells) and ahead is not None and ahead[0] == row:
            own.append(ahead[1])
            ahead = next(slots, None)
        yield MergedRow(cells, own)
    if ahead is not None:
        raise Misaligned(f"the manifest has images of row {ahead[0]}, the input ends at row {row}")


def is_blank(cells: Sequence[str]) -> bool:
    """Whether a record is an empty line, which is no row of the request."""
    return not cells


def host_of(url: str) -> str:
    """The host that a failure is counted under; empty when the URL has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def failures_by_host(images: Iterable[ManifestImage], failed: Collection[int]) -> dict[str, int]:
    """Count the images whose index is in `failed` under the hosts of their URLs."""
    return dict(Counter(host_of(image.url) for image in images if image.index in failed))


def _numbered_slots(
    images: Iterable[ManifestImage], outcomes: Iterable[ImageOutcome], picture_url: Callable[[str], str]
) -> Iterator[tuple[int, Slot]]:
    results = iter(outcomes)
    for image in images:
        outcome = next(results, None)
        if outcome is None or outcome.index != image.index:
            raise Misaligned(f"image {image.index} has no result where it is due")
        urls = {name: picture_url(key) for name, key in outcome.keys.items()}
        yield image.row, Slot(image.url, outcome.outcome, outcome.error_code, urls)
