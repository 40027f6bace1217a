"""The recipes of a deployment, by name."""

from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import ConfigDict, Field, RootModel, model_validator

from services.ingest.domain.options import SubmitOptions
from shared.recipes import Recipe, Rendition

DEFAULT: Final = "default"
COMPRESSED: Final = "compressed"


class RecipeRendition(Rendition):
    """A rendition as a deployer writes it: a name that is not known is a typing error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RecipeBook(RootModel[dict[str, tuple[RecipeRendition, ...]]]):
    """Renditions by the recipe's name. Each recipe begins with `compressed`, and one of them is `default`."""

    model_config = ConfigDict(frozen=True)

    root: dict[str, tuple[RecipeRendition, ...]] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_complete(self) -> "RecipeBook":
        if DEFAULT not in self.root:
            raise ValueError(f"there is no recipe named {DEFAULT}")
        for name, renditions in self.root.items():
            names = [rendition.name for rendition in renditions]
            if names[:1] != [COMPRESSED]:
                raise ValueError(f"the first rendition of the recipe {name} is not {COMPRESSED}")
            if len(set(names)) < len(names):
                raise ValueError(f"the recipe {name} has two renditions of one name")
            Recipe(name=name, renditions=renditions)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.root)

    def recipe(self, options: SubmitOptions) -> Recipe:
        """The recipe that a submission asks for; its quality and format are those of `compressed`."""
        given = {"quality": options.quality, "format": options.format}
        asked_for = {name: value for name, value in given.items() if value is not None}
        return Recipe(name=options.recipe, renditions=tuple(self._renditions(options.recipe, asked_for)))

    def rendition_names(self, recipe: str) -> tuple[str, ...]:
        return tuple(rendition.name for rendition in self.root[recipe])

    def _renditions(self, recipe: str, asked_for: Mapping[str, object]) -> Iterator[Rendition]:
        for rendition in self.root[recipe]:
            changes = asked_for if rendition.name == COMPRESSED else {}
            yield Rendition.model_validate({**rendition.model_dump(), **changes})
