"""Real pictures through the running system, formats kept: those of `PIXELMILL_CORPUS`, else the example pictures."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.local_servers import FolderSource, serving
from tests.e2e.system import System
from tests.pictures.sources import Corpus, corpus
from tests.waiting import until

pytestmark = pytest.mark.stack

SECONDS = 300
MOST_LARGER = 2
MOST_LARGER_BY_BYTES = 1024
STORED_AS = {"gif": "png"}
"""A GIF becomes a PNG of its first frame; everything else stays what it is."""


@pytest.fixture(scope="module", params=[pytest.param(corpus(), id=corpus().name)])
def pictures(request: pytest.FixtureRequest) -> Corpus:
    """The folder; the name of the test says which one it is."""
    chosen: Corpus = request.param
    return chosen


@pytest.fixture(scope="module")
def address(pictures: Corpus) -> Iterator[str]:
    source = FolderSource(pictures.folder)
    with serving(source.server):
        yield source.url


async def test_every_picture_succeeds_in_its_own_format_and_none_grows(
    system: System, pictures: Corpus, address: str
) -> None:
    names = [path.name for path in pictures.pictures]
    rows = [f"{number},{name},{address}/{quote(name)}" for number, name in enumerate(names, 1)]
    text = "\n".join(["Serial Number,Product Name,Image URLs", *rows]) + "\n"
    request_id = system.submit(text)
    await until(lambda: system.has_ended(request_id), seconds=SECONDS)

    images = system.images(request_id)
    assert {image["product_name"]: image["error"] for image in images if image["outcome"] != "succeeded"} == {}
    assert [image["product_name"] for image in images] == names
    grown = [image for image in images if _rendition(image)["bytes"] > image["source"]["bytes"]]
    assert {image["note"] for image in grown} <= {"not_smaller"}
    assert len(grown) <= MOST_LARGER
    for image in images:
        source, rendition = image["source"], _rendition(image)
        assert rendition["format"] == STORED_AS.get(source["format"], source["format"]), image["product_name"]
        assert rendition["bytes"] <= source["bytes"] + MOST_LARGER_BY_BYTES, image["product_name"]
        answer = system.http.get(rendition["url"], follow_redirects=True)
        assert (answer.status_code, len(answer.content)) == (200, rendition["bytes"]), image["product_name"]


def _rendition(image: dict[str, Any]) -> dict[str, Any]:
    [rendition] = image["renditions"]
    assert isinstance(rendition, dict)
    return rendition
