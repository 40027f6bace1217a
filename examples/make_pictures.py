"""Makes the example pictures: `python -m examples.make_pictures FOLDER`.

FOLDER is `skimage/data` of an unpacked scikit-image 0.26.0 wheel. Photographs that come as PNG there are stored as a
camera or a shop would have them; two graphics are drawn here. `pictures/README.md` names sources and licences.
"""

import math
import shutil
import sys
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

PICTURES: Final = Path(__file__).parent / "pictures"
COPIED: Final = {
    "brick.png": "brick.png",
    "camera.png": "camera.png",
    "cell.png": "cell.png",
    "clock_motion.png": "clock.png",
    "horse.png": "horse.png",
    "hubble_deep_field.jpg": "hubble.jpg",
    "retina.jpg": "retina.jpg",
    "text.png": "text.png",
}
STORED_AS: Final = {
    "astronaut.png": "astronaut.jpg",
    "chelsea.png": "chelsea.jpg",
    "coffee.png": "coffee.jpg",
    "grass.png": "grass.jpg",
    "gravel.png": "gravel.webp",
}
QUALITY: Final = 93
ORIENTATION_TAG: Final = 0x0112
TURN_CLOCKWISE: Final = 6
SMOOTH: Final = 4
"""Graphics are drawn this much larger and scaled down, for smooth edges."""


def main() -> int:
    if len(sys.argv) != 2 or not Path(sys.argv[1], "astronaut.png").is_file():  # noqa: PLR2004 - program and folder
        print(__doc__, file=sys.stderr)
        return 2
    source = Path(sys.argv[1])
    PICTURES.mkdir(exist_ok=True)
    for name, ours in COPIED.items():
        shutil.copyfile(source / name, PICTURES / ours)
    for name, ours in STORED_AS.items():
        Image.open(source / name).convert("RGB").save(PICTURES / ours, quality=QUALITY)
    sideways(Image.open(source / "rocket.jpg")).save(
        PICTURES / "rocket-sideways.jpg", quality=QUALITY, exif=turned_clockwise()
    )
    windmill(480).save(PICTURES / "windmill.png")
    label(1280, 720).save(PICTURES / "label.png")
    return 0


def sideways(picture: Image.Image) -> Image.Image:
    """The pixels as a camera stores them that was held upright: a viewer has to turn them clockwise."""
    return picture.transpose(Image.Transpose.ROTATE_90)


def turned_clockwise() -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = TURN_CLOCKWISE
    return exif


def windmill(size: int) -> Image.Image:
    """A windmill on a transparent ground, with a soft shadow of half-transparent pixels."""
    side = size * SMOOTH
    picture = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.ellipse(_box(side, 0.20, 0.86, 0.80, 0.96), fill=(20, 30, 60, 90))
    draw.polygon(_points(side, (0.40, 0.45), (0.60, 0.45), (0.68, 0.91), (0.32, 0.91)), fill=(214, 120, 72, 255))
    draw.polygon(_points(side, (0.37, 0.46), (0.63, 0.46), (0.50, 0.30)), fill=(120, 52, 40, 255))
    draw.rectangle(_box(side, 0.46, 0.74, 0.54, 0.91), fill=(88, 44, 32, 255))
    for quarter in range(4):
        draw.polygon(_sail(side, math.radians(20 + 90 * quarter)), fill=(245, 240, 225, 235))
    draw.ellipse(_box(side, 0.47, 0.37, 0.53, 0.43), fill=(60, 40, 34, 255))
    return picture.resize((size, size), Image.Resampling.LANCZOS)


def label(width: int, height: int) -> Image.Image:
    """A flat printed label of few colours: stripes, a frame and a barcode."""
    picture = Image.new("RGB", (width * SMOOTH, height * SMOOTH), (250, 246, 236))
    draw = ImageDraw.Draw(picture)
    unit = width * SMOOTH // 32
    for stripe in range(0, 32, 4):
        draw.rectangle((stripe * unit, 0, (stripe + 2) * unit, 3 * unit), fill=(42, 98, 143))
    draw.rectangle((unit, 4 * unit, 31 * unit, 17 * unit), outline=(200, 72, 48), width=unit // 3)
    for place, stroke in enumerate("3112213121132211312113"):
        left = 5 * unit + place * unit
        draw.rectangle((left, 7 * unit, left + int(stroke) * unit // 4, 14 * unit), fill=(24, 24, 24))
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _sail(side: int, angle: float) -> list[tuple[float, float]]:
    along, across = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
    corners = ((0.04, 0.0), (0.36, 0.0), (0.36, 0.09), (0.10, 0.09))
    return [
        (side * (0.50 + far * along[0] + wide * across[0]), side * (0.40 + far * along[1] + wide * across[1]))
        for far, wide in corners
    ]


def _points(side: int, *points: tuple[float, float]) -> list[tuple[float, float]]:
    return [(x * side, y * side) for x, y in points]


def _box(side: int, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
    return left * side, top * side, right * side, bottom * side


if __name__ == "__main__":
    sys.exit(main())
