"""An image that an earlier request compressed: its renditions are copied, as long as they are there."""

import pytest

from services.processor.domain.object_facts import VERSION_ENTRY, as_metadata, from_metadata
from services.processor.domain.picture import Rendered
from shared.errors import DependencyAway
from shared.events import CarriedRendition, CarryOver, ImageRequested, SourceFacts
from shared.ids import RequestId
from shared.kafka.records import Received
from shared.recipes import Rendition
from tests.unit.processor.fakes import REQUEST, Words, requested
from tests.unit.processor.test_on_image_requested import House

EARLIER = RequestId("e0000000-5f0c-4d6a-9d8e-2a4b6c8d0e1f")
BOTH = (Rendition(name="compressed"), Rendition(name="small", width=9))


def carried(*names: str, renditions: tuple[Rendition, ...] = BOTH) -> Received[ImageRequested]:
    """Index 4 of a request, which is to take over what index 2 of the earlier one has."""
    offered = tuple(CarriedRendition(name=name, key=f"{EARLIER}/2/{name}.webp") for name in names)
    carry_over = CarryOver(request_id=EARLIER, index=2, renditions=offered)
    return requested(4, 6, renditions=renditions, carry_over=carry_over)


async def house_after_the_earlier_request() -> House:
    house = House()
    await house.handle(requested(2, renditions=BOTH, request_id=EARLIER))
    house.sources.fetches = house.codec.runs = 0
    return house


async def test_carried_renditions_are_copied_and_reported_without_a_fetch() -> None:
    house = await house_after_the_earlier_request()
    earlier = house.facts.published[-1][1]
    result = await house.result(carried("small", "compressed"))
    assert (house.sources.fetches, house.codec.runs) == (0, 0)
    assert (result.outcome, result.note, result.attempts, result.indexes) == ("succeeded", "carried_over", 0, (4, 6))
    assert result.source == earlier.source
    for now, then in zip(result.renditions, earlier.renditions, strict=True):
        assert now == then.model_copy(update={"key": f"{REQUEST}/4/{then.name}.webp"})
        assert house.images.stored[now.key] == house.images.stored[then.key]


async def test_carrying_over_twice_stores_the_same_and_says_the_same() -> None:
    house = await house_after_the_earlier_request()
    first = await house.result(carried("compressed", "small"))
    stored = dict(house.images.stored)
    second = await house.result(carried("compressed", "small"))
    assert (second, house.images.stored) == (first, stored)


async def test_what_was_carried_over_can_be_carried_over_again() -> None:
    house = await house_after_the_earlier_request()
    first = await house.result(carried("compressed", "small"))
    offered = tuple(CarriedRendition(name=one.name, key=one.key) for one in first.renditions)
    again = CarryOver(request_id=REQUEST, index=4, renditions=offered)
    result = await house.result(requested(9, renditions=BOTH, carry_over=again))
    assert (result.note, house.sources.fetches) == ("carried_over", 0)
    assert [one.sha256 for one in result.renditions] == [one.sha256 for one in first.renditions]


async def test_an_image_whose_earlier_request_was_deleted_is_fetched() -> None:
    house = House()
    result = await house.result(carried("compressed", "small"))
    assert (result.note, result.attempts, house.sources.fetches) == (None, 1, 1)


async def test_an_object_that_goes_between_look_and_copy_is_fetched() -> None:
    house = await house_after_the_earlier_request()
    house.images.vanishing.add(f"{EARLIER}/2/small.webp")
    result = await house.result(carried("compressed", "small"))
    assert (result.outcome, result.note, house.sources.fetches) == ("succeeded", None, 1)
    assert [one.key for one in result.renditions] == [f"{REQUEST}/4/{name}.webp" for name in ("compressed", "small")]


@pytest.mark.parametrize(
    "change",
    [{VERSION_ENTRY: "2"}, {"width": "wide"}, {"format": "gif"}, {"source-bytes": "-1"}],
    ids=lambda change: next(iter(change)),
)
async def test_an_object_whose_facts_cannot_be_read_is_fetched(change: dict[str, str]) -> None:
    house = await house_after_the_earlier_request()
    key = f"{EARLIER}/2/compressed.webp"
    house.images.entries[key] = {**house.images.entries[key], **change}
    result = await house.result(carried("compressed", "small"))
    assert (result.note, house.sources.fetches) == (None, 1)


async def test_an_object_without_facts_is_fetched() -> None:
    house = await house_after_the_earlier_request()
    house.images.entries[f"{EARLIER}/2/compressed.webp"] = {}
    assert (await house.result(carried("compressed", "small"))).note is None


async def test_a_recipe_that_asks_for_more_than_is_carried_is_made_anew() -> None:
    house = await house_after_the_earlier_request()
    result = await house.result(carried("compressed"))
    assert (result.note, house.sources.fetches, len(result.renditions)) == (None, 1, 2)


async def test_a_recipe_that_asks_for_less_takes_what_it_asks_for() -> None:
    house = await house_after_the_earlier_request()
    result = await house.result(carried("compressed", "small", renditions=BOTH[:1]))
    assert (result.note, [one.name for one in result.renditions]) == ("carried_over", ["compressed"])


async def test_storage_that_is_away_is_nobodys_result() -> None:
    house = await house_after_the_earlier_request()
    house.images.is_away = True
    with pytest.raises(DependencyAway):
        await house.handle(carried("compressed", "small"))
    assert len(house.facts.published) == 1


def test_facts_survive_their_way_through_metadata_which_is_short_ascii() -> None:
    source = SourceFacts(bytes=900, format="gif", width=40, height=30, sha256="s" * 64)
    rendered = Rendered("compressed", "png", 4, 3, 99, "r" * 64, Words(b""))
    entries = as_metadata(rendered, source)
    facts = from_metadata(entries, name="compressed", key="k")
    assert facts is not None
    assert (facts.source, facts.rendition.key) == (source, "k")
    measures = [(one.width, one.height, one.bytes, one.sha256) for one in (facts.rendition, rendered)]
    assert measures[0] == measures[1]
    assert all(name == name.lower() and (name + value).isascii() for name, value in entries.items())
    assert sum(len(name) + len(value) for name, value in entries.items()) < 400
