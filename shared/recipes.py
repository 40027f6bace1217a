"""What is made of each image: the recipe that travels with every `images.requested` event."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

OutputFormat = Literal["keep", "jpeg", "webp", "png"]


class Rendition(BaseModel):
    """One output of one image.

    `quality` is encoder quality (1 to 95), so "50 %" means quality 50. `format` `keep` stays with the source's
    format. With `width` and `height` the picture is scaled down to fit (`contain`) or to fill and crop (`cover`);
    it is never scaled up.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    format: OutputFormat = "keep"
    quality: int = Field(default=50, ge=1, le=95)
    width: int | None = Field(default=None, ge=1, le=16384)
    height: int | None = Field(default=None, ge=1, le=16384)
    fit: Literal["contain", "cover"] = "contain"


class Recipe(BaseModel):
    """A named list of renditions; one download and one decode serve all of them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    renditions: tuple[Rendition, ...] = Field(min_length=1, max_length=16)
