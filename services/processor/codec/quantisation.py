"""Quantisation tables of JPEG files: what a quality means, and a table that spares nothing.

A coefficient's step grows with its diagonal, the sum of its two frequencies, for the eye sees fine detail least. The
curves were fitted to photographs and drawings: for the same likeness they need fewer bytes than the tables of Annex K
of ITU T.81, by SSIM, PSNR and SSIMULACRA2 alike (decision 24).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

Table = Sequence[int]
"""The steps of the 64 coefficients of a block, row by row."""

Tables = tuple[Table, Table]
"""Of luminance and of chrominance."""

_SIDE: Final = 8
_COARSEST: Final = 100
_LARGEST_STEP: Final = 255
_HALF: Final = 50


@dataclass(frozen=True, slots=True)
class _Curve:
    """Steps at quality 50: `least` where there is no frequency, twice that at the diagonal `doubled_at`."""

    least: float
    doubled_at: float
    power: float

    def step(self, diagonal: int) -> float:
        return min(_COARSEST, self.least * (1 + math.pow(diagonal / self.doubled_at, self.power)))


_LUMINANCE: Final = _Curve(least=12.5, doubled_at=4, power=2.2)
_CHROMINANCE: Final = _Curve(least=9.5, doubled_at=3, power=3)


@lru_cache(maxsize=100)
def tables(quality: int) -> Tables:
    """What a quality of 1 to 100 means, on the scale of the Independent JPEG Group."""
    scale = _HALF / quality if quality < _HALF else (100 - quality) / _HALF
    return _table(_LUMINANCE, scale), _table(_CHROMINANCE, scale)


def flat_tables(step: int) -> Tables:
    """One step for all: of all tables these lose the least, in mean square error, for the bytes that they take."""
    flat = [step] * _SIDE**2
    return flat, flat


def _table(curve: _Curve, scale: float) -> Table:
    return [
        max(1, min(_LARGEST_STEP, round(scale * curve.step(row + column))))
        for row in range(_SIDE)
        for column in range(_SIDE)
    ]
