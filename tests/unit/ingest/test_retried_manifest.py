"""The manifest of a retry, chunk by chunk."""

import json
from collections.abc import AsyncIterator

import pytest

from services.ingest.domain.manifest import read_manifest_chunk
from services.ingest.domain.retried_manifest import DamagedResults, retried_chunk
from services.ingest.result_lines import ResultLines
from shared.events import CarriedRendition, CarryOver
from shared.image_requests import images_requested
from tests.unit.ingest.fakes import REQUEST, agreed, csv_of, taken

ROWS = ("1,Lämp,https://a.example/0.jpg", "2,b,https://a.example/1.jpg", "3,c,https://a.example/0.jpg")
NEWER = "11111111-2222-4333-8444-555555555555"


def chunk_of(*rows: str) -> bytes:
    _, chunks = taken(csv_of(*rows), chunk_size=10)
    return chunks[0].body


def succeeded(index: int, *, under: int | None = None, request: str = REQUEST) -> bytes:
    key = f"{request}/{index if under is None else under}/compressed.jpg"
    return json.dumps({"index": index, "outcome": "succeeded", "keys": {"compressed": key}}).encode()


def lost(index: int, outcome: str = "failed") -> bytes:
    return json.dumps({"index": index, "outcome": outcome, "keys": {}}).encode()


def carried(index: int, *, request: str = REQUEST) -> CarryOver:
    rendition = CarriedRendition(name="compressed", key=f"{request}/{index}/compressed.jpg")
    return CarryOver(request_id=request, index=index, renditions=(rendition,))


def test_what_succeeded_is_carried_over_and_nothing_else_is_changed() -> None:
    manifest = chunk_of(*ROWS)
    (number, body), count = retried_chunk(7, manifest, [succeeded(0), lost(1), lost(2, "not_attempted")])
    before, after = list(read_manifest_chunk(manifest)), list(read_manifest_chunk(body))
    assert (number, count) == (7, 1)
    assert after[0].carry_over == carried(0)
    assert [image.model_copy(update={"carry_over": None}) for image in after] == before
    assert body.splitlines()[1:] == manifest.splitlines()[1:]


def test_making_it_twice_makes_the_same() -> None:
    results = [succeeded(0), lost(1), succeeded(2, under=0)]
    assert retried_chunk(0, chunk_of(*ROWS), results) == retried_chunk(0, chunk_of(*ROWS), results)


def test_slots_that_share_a_source_are_carried_over_together() -> None:
    (_, body), count = retried_chunk(0, chunk_of(*ROWS), [succeeded(0), lost(1), succeeded(2, under=0)])
    images = list(read_manifest_chunk(body))
    assert (count, [image.carry_over for image in images]) == (2, [carried(0), None, carried(0)])
    asked = images_requested(agreed(csv_of(*ROWS)), 0, images)
    assert [(event.indexes, event.carry_over) for event in asked] == [((0, 2), carried(0)), ((1,), None)]


def test_what_was_not_attempted_keeps_what_it_was_to_carry_over() -> None:
    (_, first), _ = retried_chunk(0, chunk_of(*ROWS), [succeeded(0), lost(1), succeeded(2, under=0)])
    (_, second), count = retried_chunk(0, first, [lost(0, "not_attempted"), lost(1), lost(2, "not_attempted")])
    assert (second, count) == (first, 2)


def test_a_retry_of_a_retry_carries_over_the_newest_pictures() -> None:
    (_, first), _ = retried_chunk(0, chunk_of(*ROWS[:1]), [succeeded(0)])
    (_, second), _ = retried_chunk(0, first, [succeeded(0, request=NEWER)])
    (image,) = read_manifest_chunk(second)
    assert image.carry_over == carried(0, request=NEWER)


@pytest.mark.parametrize(
    "results",
    [
        [succeeded(0)],
        [succeeded(0), lost(2), lost(1)],
        [succeeded(0), lost(1), b"{"],
        [succeeded(0), lost(1), b"[]"],
        [succeeded(0), lost(1), b'{"index":2}'],
        [succeeded(0), lost(1), b'{"index":2,"outcome":"succeeded","keys":{}}'],
        [b'{"index":0,"outcome":"succeeded","keys":{"compressed":"elsewhere"}}', lost(1), lost(2)],
        [b'{"index":0,"outcome":"succeeded","keys":null}', lost(1), lost(2)],
    ],
)
def test_results_that_do_not_fit_are_damaged(results: list[bytes]) -> None:
    with pytest.raises(DamagedResults):
        retried_chunk(0, chunk_of(*ROWS), results)


@pytest.mark.parametrize("line", [b'{"index":0,', b"\xff", b"7", b"[]", b"{}"])
def test_a_line_of_the_manifest_that_cannot_be_read_is_damage(line: bytes) -> None:
    with pytest.raises(DamagedResults):
        retried_chunk(0, line + b"\n", [succeeded(0)])


@pytest.mark.parametrize("step", [1, 3, 7, 100])
async def test_lines_are_taken_off_pieces_that_end_anywhere(step: int) -> None:
    data = b"".join(b"line %d\n" % number for number in range(10))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(data), step):
            yield data[start : start + step]

    lines = ResultLines(pieces())
    assert await lines.take(0) == []
    assert await lines.take(4) == [b"line 0", b"line 1", b"line 2", b"line 3"]
    assert await lines.take(4) == [b"line 4", b"line 5", b"line 6", b"line 7"]
    assert await lines.take(4) == [b"line 8", b"line 9"]
    assert await lines.take(1) == []
