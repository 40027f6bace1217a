"""A picture of where the CPU goes: reads the line of a benchmark, writes SVG.

`python -m bench | python -m bench.cpu_picture > docs/performance-cpu.svg`
"""

import json
import sys
from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

SUMS: Final = frozenset({"all", "all_but_codec"})
LEAST_MS: Final = 0.005
WIDTH: Final = 720
LABEL: Final = 130
ROW: Final = 26
FIGURE: Final = 60


def main() -> int:
    figures = json.loads(sys.stdin.readline())
    title = f"CPU ms per image: {figures['set']} set, mode {figures['mode']}, {figures['images']} images"
    print("\n".join(picture(title, figures["cpu_ms_per_image"])))
    return 0


def picture(title: str, milliseconds: Mapping[str, float]) -> Iterator[str]:
    """Lines of SVG: a bar for each role that costs something, the longest first."""
    roles = sorted(
        ((role, spent) for role, spent in milliseconds.items() if role not in SUMS and spent >= LEAST_MS),
        key=lambda each: -each[1],
    )
    height = ROW * (len(roles) + 1) + 14
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif">'
    yield f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    yield f'<text x="8" y="18" font-size="14" font-weight="bold">{escape(title)}</text>'
    longest = max((spent for _, spent in roles), default=1.0)
    for place, (role, spent) in enumerate(roles, start=1):
        top = ROW * place + 4
        length = (WIDTH - LABEL - FIGURE) * spent / longest
        yield f'<text x="{LABEL - 8}" y="{top + 15}" font-size="13" text-anchor="end">{escape(role)}</text>'
        yield f'<rect x="{LABEL}" y="{top + 2}" width="{length:.1f}" height="{ROW - 8}" fill="#3b6ea5"/>'
        yield f'<text x="{LABEL + length + 6:.1f}" y="{top + 15}" font-size="13">{spent:.2f}</text>'
    yield "</svg>"


if __name__ == "__main__":
    sys.exit(main())
