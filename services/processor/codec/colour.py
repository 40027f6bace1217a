"""From the many kinds of pixels in files to eight-bit grey, RGB, RGBA or CMYK."""

from typing import Final

from PIL import Image

# Two levels from opaque are opaque to the eye, and to what is promised of alpha.
_LEAST_OPAQUE: Final = 253
_WITH_ALPHA: Final = frozenset({"LA", "La", "PA", "RGBa"})
_SIXTEEN_BIT: Final = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I"})
_SIXTEEN_TO_EIGHT: Final = 1 / 256


def eight_bit(image: Image.Image) -> Image.Image:
    """Return the picture as `L`, `RGB`, `RGBA` or `CMYK`; transparency of any kind becomes alpha."""
    if image.mode in _SIXTEEN_BIT:
        # A plain conversion would clip: everything above 255 of 65,535 would become white.
        return image.convert("I").point(lambda value: value * _SIXTEEN_TO_EIGHT).convert("L")
    if image.mode == "RGBA":
        return image
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in {"L", "RGB", "CMYK"}:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def without_needless_alpha(image: Image.Image) -> Image.Image:
    """Drop an alpha channel that is opaque everywhere."""
    if image.mode != "RGBA":
        return image
    least, _ = image.getchannel("A").getextrema()
    return image.convert("RGB") if least >= _LEAST_OPAQUE else image  # type: ignore[operator]  # one band: numbers


def on_white(image: Image.Image) -> Image.Image:
    """Lay a picture with alpha on white; hidden colours stay hidden."""
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image)
    return ground
