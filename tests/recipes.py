"""Recipes for tests."""

from shared.recipes import OutputFormat, Recipe, Rendition


def default_recipe(*, output_format: OutputFormat = "keep", quality: int = 50) -> Recipe:
    """As the packaged default: one rendition, `compressed`, at the source's size."""
    return Recipe(name="default", renditions=(Rendition(name="compressed", format=output_format, quality=quality),))
