"""The pictures of the acceptance, and how each is to look."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageCms, ImageOps

EXAMPLES_NAME: Final = "examples"
CORPUS: Final = "PIXELMILL_CORPUS"
EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples" / "pictures"
_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif"})
_SRGB: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@dataclass(frozen=True)
class Corpus:
    """A folder of pictures; `name` (`corpus` or `examples`) tells reports which one it is."""

    name: str
    folder: Path

    @property
    def is_named(self) -> bool:
        return self.name != EXAMPLES_NAME

    def id_of(self, picture: Path) -> str:
        return f"{self.name}-{picture.name}"

    @property
    def pictures(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.suffix.lower() in _SUFFIXES)


def corpus() -> Corpus:
    """The folder that `PIXELMILL_CORPUS` names, else the example pictures."""
    named = os.environ.get(CORPUS)
    return Corpus("corpus", Path(named)) if named else Corpus(EXAMPLES_NAME, EXAMPLES)


def as_seen(data: bytes) -> Image.Image:
    """The picture as a viewer shows it, by Pillow alone: first frame, upright, in sRGB, as `RGB` or `RGBA`."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()
        picture = ImageOps.exif_transpose(opened)
        profile = opened.info.get("icc_profile")
    if picture.mode.startswith("I"):
        return picture.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    has_alpha = "A" in picture.getbands() or "transparency" in picture.info
    wanted = "RGBA" if has_alpha else "RGB"
    if not profile:
        return picture.convert(wanted)
    plain = picture.convert(wanted) if picture.mode in {"P", "LA"} or has_alpha else picture
    embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(plain, embedded, _SRGB, outputMode=wanted)
    assert converted is not None
    return converted
