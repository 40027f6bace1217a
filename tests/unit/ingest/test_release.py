"""Which chunks are released, and what is asked for of them."""

from services.ingest.domain.manifest import read_manifest_chunk
from services.ingest.domain.release import chunks_after, first_chunks
from shared.events import ChunkAdvanced
from shared.image_requests import images_requested
from shared.request_files import RequestFile
from tests.unit.ingest.fakes import agreed, csv_of, images_of, taken


def test_the_acceptance_releases_one_window() -> None:
    assert list(first_chunks(agreed(images_of(9)))) == [0, 1]
    assert list(first_chunks(agreed(images_of(1)))) == [0]


def test_a_chunk_that_advanced_releases_the_one_a_window_further_on() -> None:
    request = agreed(images_of(9))
    after = [chunks_after(_advanced(request, chunk)) for chunk in range(5)]
    assert [list(chunks) for chunks in after] == [[2], [3], [4], [], []]


def test_one_event_serves_every_slot_with_the_same_url() -> None:
    text = csv_of("1,a,https://a.example/1.jpg", '2,b,"https://a.example/2.jpg,https://a.example/1.jpg"')
    intake, chunks = taken(text, chunk_size=10)
    request = agreed(text)
    events = images_requested(request, 0, read_manifest_chunk(chunks[0].body))
    assert intake.images == 3
    assert [(event.url, event.indexes) for event in events] == [
        ("https://a.example/1.jpg", (0, 2)),
        ("https://a.example/2.jpg", (1,)),
    ]
    assert {event.recipe for event in events} == {request.recipe}


def test_events_carry_the_measures_of_their_chunk() -> None:
    text = images_of(5)
    _, chunks = taken(text)
    (event,) = images_requested(agreed(text), 2, read_manifest_chunk(chunks[2].body))
    assert (event.chunk, event.chunk_images, event.chunks_total, event.window, event.indexes) == (2, 1, 3, 2, (4,))
    assert event.key == f"{event.request_id}:4"


def _advanced(request: RequestFile, chunk: int) -> ChunkAdvanced:
    return ChunkAdvanced(
        request_id=request.request_id,
        owner=request.owner,
        chunk=chunk,
        chunks_total=request.chunks_total,
        window=request.window,
    )
