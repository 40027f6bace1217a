"""The pictures that a benchmark sends through the system."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

from PIL import Image

from examples.picture_server import PICTURES

PictureSet = Literal["product", "mixed"]

PRODUCT_PIXELS: Final = 2_200_000
"""Shops show pictures up to this size; larger ones come from cameras."""
SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True)
class Pictures:
    """Files of one folder, by name."""

    folder: Path
    names: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path | None, wanted: PictureSet) -> Self:
        """The pictures in `folder` (default: of `examples/`): all of them, or those of product size alone."""
        place = (folder or PICTURES).resolve()
        names = (path.name for path in sorted(place.iterdir()) if path.suffix.lower() in SUFFIXES)
        fitting = tuple(name for name in names if wanted == "mixed" or _pixels(place / name) <= PRODUCT_PIXELS)
        if not fitting:
            raise SystemExit(f"{place} has no pictures of the set {wanted!r}.")
        return cls(place, fitting)

    def name(self, number: int) -> str:
        """The picture with this number; after the last one the first comes again."""
        return self.names[number % len(self.names)]


def _pixels(path: Path) -> int:
    with Image.open(path) as header:
        return header.width * header.height
