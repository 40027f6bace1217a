"""Quantisation tables of JPEG files."""

import io
from typing import Any

import pytest
from PIL import Image

from services.processor.codec.quantisation import flat_tables, tables
from tests.pictures.metrics import psnr
from tests.pictures.sources import EXAMPLES
from tests.unit.processor.pictures import encoded

PHOTOGRAPHS = ("astronaut.jpg", "chelsea.jpg", "coffee.jpg", "hubble.jpg", "retina.jpg")


def test_steps_are_what_a_jpeg_file_can_hold() -> None:
    for quality in range(1, 101):
        for table in tables(quality):
            assert len(table) == 64
            assert 1 <= min(table) <= max(table) <= 255


def test_a_higher_quality_has_no_coarser_step() -> None:
    for quality in range(1, 100):
        for table, finer in zip(tables(quality), tables(quality + 1), strict=True):
            assert all(step >= other for step, other in zip(table, finer, strict=True))


def test_quality_100_loses_nothing_but_what_rounding_does() -> None:
    assert tables(100) == flat_tables(1)


def test_fine_detail_has_coarser_steps() -> None:
    for table in tables(50):
        diagonals = [sum(table[8 * row + diagonal - row] for row in range(diagonal + 1)) for diagonal in range(8)]
        means = [total / (diagonal + 1) for diagonal, total in enumerate(diagonals)]
        assert means == sorted(means)


@pytest.mark.parametrize("quality", [50, 75, 90])
def test_photographs_need_fewer_bytes_than_with_annex_k_and_are_no_less_alike(quality: int) -> None:
    def summed(**options: Any) -> tuple[int, float]:
        size, likeness = 0, 0.0
        for name in PHOTOGRAPHS:
            picture = Image.open(EXAMPLES / name).convert("RGB")
            data = encoded(picture, "JPEG", optimize=True, **options)
            size, likeness = size + len(data), likeness + psnr(picture, Image.open(io.BytesIO(data)))
        return size, likeness

    (ours, alike), (annex_k, as_alike) = summed(qtables=tables(quality), subsampling=2), summed(quality=quality)
    assert ours < 0.97 * annex_k
    assert alike >= as_alike
