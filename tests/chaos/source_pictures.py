"""The pictures of the source: small, cheap to make and to serve, and each of a size of its own.

A compressed copy keeps the size of its source, so the size tells which picture a copy was made from.
"""

import io
from dataclasses import dataclass
from functools import cache
from typing import Final

from PIL import Image

COUNT: Final = 48
_EVERY_NTH_IS_PNG: Final = 6


@dataclass(frozen=True, slots=True)
class Shape:
    """What a copy has to share with its source."""

    width: int
    height: int
    format: str

    @property
    def extension(self) -> str:
        return "jpg" if self.format == "jpeg" else self.format


def shape_of(number: int) -> Shape:
    """Size and format of the picture with this number."""
    return Shape(40 + 3 * number, 60 + 2 * number, "jpeg" if number % _EVERY_NTH_IS_PNG else "png")


@cache
def picture(number: int) -> bytes:
    """The picture with this number, encoded."""
    shape = shape_of(number)
    gradient = Image.linear_gradient("L").resize((shape.width, shape.height)).rotate(number * 7)
    turned = Image.merge("RGB", [gradient, gradient.point(lambda v: (v * 3 + number) % 256), gradient])
    out = io.BytesIO()
    turned.save(out, shape.format, **({"quality": 92} if shape.format == "jpeg" else {}))
    return out.getvalue()
