"""Renditions that an earlier request made of the same picture are copied, on the server, instead of made again."""

from collections.abc import Mapping
from typing import Protocol

from services.processor.domain.object_facts import ObjectFacts, from_metadata
from services.processor.domain.picture import EXTENSIONS
from shared.events import CarriedRendition, ImageRequested, StoredRendition
from shared.object_keys import image as image_key


class KeptImages(Protocol):
    """Where renditions are kept. Each method raises `DependencyAway` when it cannot know."""

    async def metadata(self, key: str) -> Mapping[str, str] | None:
        """Return what was stored with an object; None when there is no such object."""

    async def copy(self, source_key: str, key: str) -> bool:
        """Copy an object with its metadata; False when it is gone."""


async def carry_over(requested: ImageRequested, images: KeptImages) -> list[ObjectFacts] | None:
    """Copy all renditions that the event carries over to its own keys, and return their facts, in recipe order.

    None when the recipe asks for others, or when one of them is gone or does not say what it is: then the picture has
    to be fetched. What was copied until then is replaced or unused, and goes when the request is deleted.
    """
    carried = _in_recipe_order(requested)
    copies: list[ObjectFacts] = []
    for one in carried or ():
        facts = from_metadata(await images.metadata(one.key) or {}, name=one.name, key=one.key)
        if facts is None:
            return None
        copy = _under_own_key(requested, facts)
        if not await images.copy(one.key, copy.rendition.key):
            return None
        copies.append(copy)
    return copies or None


def key_of(requested: ImageRequested, *, name: str, extension: str) -> str:
    """Where a rendition for this event lies; one object serves all of its indexes."""
    return image_key(requested.request_id, requested.indexes[0], rendition=name, extension=extension)


def _in_recipe_order(requested: ImageRequested) -> list[CarriedRendition] | None:
    offered = {one.name: one for one in requested.carry_over.renditions} if requested.carry_over else {}
    wanted = [rendition.name for rendition in requested.recipe.renditions]
    return [offered[name] for name in wanted] if offered.keys() >= set(wanted) else None


def _under_own_key(requested: ImageRequested, facts: ObjectFacts) -> ObjectFacts:
    name, picture_format = facts.rendition.name, facts.rendition.format
    extension = next(extension for known, extension in EXTENSIONS.items() if known == picture_format)
    rendition: StoredRendition = facts.rendition.model_copy(
        update={"key": key_of(requested, name=name, extension=extension)}
    )
    return ObjectFacts(rendition, facts.source)
