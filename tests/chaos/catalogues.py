"""The input of a chaos run: catalogues of mixed size, all of them a function of the seed.

Each image is known by its URL, which says what has to become of it.
"""

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final
from urllib.parse import urlsplit

from tests.chaos.source_behaviour import SUCCEEDED, Kind, place_of
from tests.chaos.source_pictures import COUNT, Shape, shape_of

COLUMNS: Final = ("Serial Number", "Product Name", "Note", "Image URLs")
_REPEATED: Final = 0.02
_WITH_COMMA: Final = 0.05
_SLOTS: Final = (1, 1, 1, 2, 3)
_NOTES: Final = ("", "plain", "with, comma", 'a "quoted" word', "two\nlines", "Größe 5, été")
_SIZES: Final = ((0.4, 1, 10), (0.8, 10, 200), (0.97, 200, 1000), (1.0, 1000, 5000))
"""Up to which share of the requests which sizes are drawn, evenly in their logarithm."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One image of a row."""

    url: str

    @property
    def status(self) -> str:
        """What has to become of it."""
        return place_of(urlsplit(self.url).path).kind.status

    @property
    def succeeds(self) -> bool:
        return self.status == SUCCEEDED

    @property
    def is_given_up(self) -> bool:
        """Whether it fails after all tries, and so becomes a dead letter, and not at once."""
        kind = place_of(urlsplit(self.url).path).kind
        return kind.needs_retries and not kind.recovers

    @property
    def shape(self) -> Shape:
        """What a copy of it looks like."""
        return shape_of(place_of(urlsplit(self.url).path).picture)


@dataclass(frozen=True, slots=True)
class Row:
    """One product."""

    cells: tuple[str, str, str]
    slots: tuple[Slot, ...]

    @property
    def record(self) -> list[str]:
        return [*self.cells, ",".join(slot.url for slot in self.slots)]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One request that is submitted; `number` is its place in the run."""

    number: int
    rows: tuple[Row, ...]

    @property
    def slots(self) -> list[Slot]:
        """All images in the order of their indexes."""
        return [slot for row in self.rows for slot in row.slots]

    @property
    def images(self) -> int:
        return sum(len(row.slots) for row in self.rows)

    @property
    def failures(self) -> Counter[str]:
        """How many images have to fail, by code."""
        return Counter(slot.status for slot in self.slots if not slot.succeeds)

    def csv(self) -> str:
        """The file that is submitted."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(row.record for row in self.rows)
        return out.getvalue()


@dataclass(frozen=True)
class Assortment:
    """What catalogues are made of. Every `number` gives the same catalogue, whenever it is asked for."""

    seed: int
    hosts: Sequence[str]
    kinds: Sequence[Kind]
    largest: int

    def catalogue(self, number: int) -> Catalogue:
        """The catalogue with this number."""
        random = Random(f"{self.seed}/{number}")
        urls: list[str] = []
        for image in range(self._size(random, number)):
            repeats = urls and random.random() < _REPEATED
            urls.append(random.choice(urls) if repeats else self._url(random, f"{number}-{image}"))
        rows: list[Row] = []
        while urls:
            slots = tuple(Slot(urls.pop()) for _ in range(min(len(urls), random.choice(_SLOTS))))
            cells = (str(len(rows) + 1), f"Product {len(rows) + 1}", random.choice(_NOTES))
            rows.append(Row(cells, slots))
        return Catalogue(number, tuple(rows))

    def _size(self, random: Random, number: int) -> int:
        """The first is the largest, so that every run has a large one beside small ones."""
        if number == 0:
            return self.largest
        draw = random.random()
        low, high = next((low, high) for share, low, high in _SIZES if draw < share)
        return min(self.largest, round(math.exp(random.uniform(math.log(low), math.log(high)))))

    def _url(self, random: Random, unique: str) -> str:
        [kind] = random.choices(self.kinds, [kind.weight for kind in self.kinds])
        picture = random.randrange(COUNT)
        query = "?size=1,2" if random.random() < _WITH_COMMA else ""
        path = f"/{kind.name}/{picture}/{unique}.{shape_of(picture).extension}"
        return f"{random.choice(self.hosts)}{path}{query}"
