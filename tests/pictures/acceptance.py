"""What is demanded of every stored picture, as claims that a test can make of the bytes of a source and a result."""

import io
from typing import Final

from PIL import Image, ImageChops, ImageStat
from PIL.Image import Transpose

from shared.events import Note
from tests.pictures.metrics import largest_alpha_difference, mean_delta_e, on_white, psnr
from tests.pictures.sources import as_seen

DEFAULT_QUALITY: Final = 50
FINE_QUALITY: Final = 90
MAX_DELTA_E: Final = 2.0
MIN_PSNR_DB: Final = 30.0
MAX_ALPHA_LEVELS: Final = 2
MAX_EXTRA_BYTES: Final = 1024
MAX_NOT_SMALLER: Final = 2
_GLANCE: Final = (64, 64)


def assert_size_is_honest(source: bytes, result: bytes, note: Note | None) -> None:
    """No larger than its source, but where the note says so, and then hardly."""
    if note == "not_smaller":
        assert len(result) <= len(source) + MAX_EXTRA_BYTES
    else:
        assert len(result) < len(source)


def assert_upright(source: bytes, result: bytes) -> None:
    """As its source is seen, and nothing is left for a viewer to turn."""
    seen = as_seen(source)
    with Image.open(io.BytesIO(result)) as stored:
        assert stored.size == seen.size
        assert not stored.getexif()
        upright = _difference(seen, stored)
        assert all(upright <= _difference(seen, stored.transpose(turn)) for turn in Transpose)


def assert_true_colours(source: bytes, result: bytes) -> None:
    """Close enough for those who ask for quality 90."""
    assert mean_delta_e(as_seen(source), as_seen(result)) < MAX_DELTA_E


def assert_good_look(source: bytes, result: bytes) -> None:
    """Close enough for those who ask for quality 50."""
    assert psnr(as_seen(source), as_seen(result)) >= MIN_PSNR_DB


def assert_alpha_kept(source: bytes, result: bytes) -> None:
    """As transparent as its source, pixel by pixel; results of opaque sources are opaque."""
    assert largest_alpha_difference(as_seen(source), as_seen(result)) <= MAX_ALPHA_LEVELS


def _difference(first: Image.Image, second: Image.Image) -> float:
    one, other = (on_white(picture).resize(_GLANCE) for picture in (first, second))
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).sum2)
