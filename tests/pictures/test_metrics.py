"""The measures themselves, against values that are known."""

import math

import numpy as np
import pytest
from PIL import Image

from tests.pictures.metrics import lab, largest_alpha_difference, mean_delta_e, on_white, psnr


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0.0, 0.0)),
    ],
)
def test_colours_have_their_known_places(rgb: tuple[int, int, int], expected: tuple[float, float, float]) -> None:
    assert lab(np.array([rgb], dtype=np.uint8))[0] == pytest.approx(expected, abs=0.05)


def test_equal_pictures_have_no_distance() -> None:
    picture = Image.radial_gradient("L").convert("RGB")
    assert (mean_delta_e(picture, picture), psnr(picture, picture)) == (0.0, math.inf)


def test_distances_are_means_over_all_pixels_of_all_strips() -> None:
    black, half = Image.new("RGB", (4, 600)), Image.new("RGB", (4, 600))
    half.paste("white", (0, 0, 4, 300))
    assert mean_delta_e(black, half) == pytest.approx(50, abs=0.01)
    assert psnr(black, half) == pytest.approx(10 * math.log10(2), abs=0.001)


def test_one_level_everywhere_is_48_decibels() -> None:
    assert psnr(Image.new("RGB", (9, 9)), Image.new("RGB", (9, 9), (1, 1, 1))) == pytest.approx(48.13, abs=0.01)


def test_hidden_colours_do_not_count_and_alpha_does() -> None:
    red, blue = Image.new("RGBA", (8, 8), (255, 0, 0, 0)), Image.new("RGBA", (8, 8), (0, 0, 255, 0))
    assert mean_delta_e(red, blue) == 0
    assert on_white(red).getpixel((0, 0)) == (255, 255, 255)
    assert largest_alpha_difference(red, blue) == 0
    blue.putpixel((3, 3), (0, 0, 255, 7))
    assert largest_alpha_difference(red, blue) == 7
    assert largest_alpha_difference(red, Image.new("L", (8, 8))) == 255
