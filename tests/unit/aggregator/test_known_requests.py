"""Known requests: remembering some never makes the others of a batch unknown."""

from services.aggregator.known_requests import KnownRequests
from shared.ids import RequestId
from tests.unit.aggregator.fakes import FakeFiles, FakeRequestRows, noon, request_file

OLD, NEW, GONE = (RequestId(f"00000000-0000-4000-8000-00000000000{number}") for number in (1, 2, 3))


async def test_a_request_that_is_pushed_out_of_memory_by_its_batch_is_answered_all_the_same() -> None:
    files = FakeFiles(request_file(request_id=OLD), request_file(request_id=NEW))
    known = KnownRequests(FakeRequestRows(), files, now=noon, remembered=1)
    assert await known.started([OLD]) == {OLD: 4}
    assert await known.started([OLD, NEW]) == {OLD: 4, NEW: 4}
    assert await known.started([OLD, NEW, GONE]) == {OLD: 4, NEW: 4}


async def test_results_of_a_damaged_request_are_dropped_and_those_beside_them_are_not() -> None:
    files = FakeFiles(request_file(request_id=OLD), request_file(request_id=NEW))
    files.damaged.add(NEW)
    known = KnownRequests(FakeRequestRows(), files, now=noon)
    assert await known.started([OLD, NEW]) == {OLD: 4}
    files.damaged.clear()
    assert await known.started([OLD, NEW]) == {OLD: 4, NEW: 4}
