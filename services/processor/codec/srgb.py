"""Colours as everybody sees them: embedded profiles are applied, then no longer needed."""

import io
from functools import lru_cache
from typing import Final

from PIL import Image, ImageCms

# Ten times the profiles that people have. Larger ones are ignored: they cost every later picture of the process memory.
MAX_PROFILE_BYTES: Final = 4 * 1024 * 1024
_PROFILES_KNOWN: Final = 8
_SRGB: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def usable_profile(profile: bytes | None) -> bytes | None:
    """Return the profile unless there is none, or one that is too large."""
    return profile if profile and len(profile) <= MAX_PROFILE_BYTES else None


@lru_cache(maxsize=_PROFILES_KNOWN)
def is_srgb(profile: bytes | None) -> bool:
    """Say whether a picture with this profile shows the same colours without it."""
    parsed = _parsed(profile)
    return parsed is None or "srgb" in (parsed.profile.profile_description or "").lower()


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert `L`, `RGB`, `RGBA` or `CMYK` pixels to sRGB; the result is `L`, `RGB` or `RGBA`.

    A profile that is broken, or made for another kind of picture, is ignored, as browsers do.
    """
    transform = None if is_srgb(profile) else _transform(profile, image.mode)
    if transform is None:
        return image.convert("RGB") if image.mode == "CMYK" else image
    converted = transform.apply(image)
    return converted.convert("L") if image.mode == "L" else converted


@lru_cache(maxsize=_PROFILES_KNOWN)
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """What takes pixels with this profile to sRGB; None if it was made for another kind of picture.

    To make it takes as long as to decode a small picture, and those of one shop have the same few profiles.
    """
    parsed = _parsed(profile)
    assert parsed is not None
    try:
        return ImageCms.buildTransform(parsed, _SRGB, mode, "RGBA" if mode == "RGBA" else "RGB")
    except ImageCms.PyCMSError:
        return None


def _parsed(profile: bytes | None) -> ImageCms.ImageCmsProfile | None:
    if not profile:
        return None
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None
