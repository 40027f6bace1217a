"""The size of a rendition: scaled down to fit or to fill, never scaled up."""

from typing import Final

from PIL import Image

from services.processor.codec.job import Order

_REDUCING_GAP: Final = 2.0

Box = tuple[float, float, float, float]


def fitted(image: Image.Image, order: Order) -> Image.Image:
    """Return the picture at the order's size; the same object when nothing has to change."""
    if order.fit == "cover" and order.width and order.height:
        size, box = _covering(image.size, (order.width, order.height))
    else:
        size, box = _contained(image.size, order.width, order.height), (0.0, 0.0, *image.size)
    if size == image.size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=_REDUCING_GAP)


def _contained(size: tuple[int, int], width: int | None, height: int | None) -> tuple[int, int]:
    factor = min((width or size[0]) / size[0], (height or size[1]) / size[1], 1.0)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _covering(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[tuple[int, int], Box]:
    enlargement = max(wanted[0] / size[0], wanted[1] / size[1])
    cut = (wanted[0] / enlargement, wanted[1] / enlargement)
    left, top = (size[0] - cut[0]) / 2, (size[1] - cut[1]) / 2
    shrink = max(enlargement, 1.0)
    target = (max(1, round(wanted[0] / shrink)), max(1, round(wanted[1] / shrink)))
    return target, (left, top, left + cut[0], top + cut[1])
