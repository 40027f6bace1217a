"""What is agreed when a request is accepted."""

from datetime import timedelta

from services.ingest.domain.options import SubmitOptions
from services.ingest.domain.request_terms import deadline_at, lane_of
from shared.request_files import RequestFile
from tests.unit.ingest.fakes import LIMITS, NOON, agreed, images_of

DAY = timedelta(days=1)


def test_a_request_lives_a_day_and_an_hour_more_per_hundred_thousand_images() -> None:
    assert deadline_at(NOON, 99_999, base=DAY) == NOON + DAY
    assert deadline_at(NOON, 1_000_000, base=DAY) == NOON + DAY + timedelta(hours=10)


def test_requests_of_one_chunk_take_the_express_lane_unless_they_are_in_no_hurry() -> None:
    assert lane_of(1, SubmitOptions()) == "express"
    assert lane_of(2, SubmitOptions()) == "bulk"
    assert lane_of(1, SubmitOptions(priority="low")) == "bulk"


def test_the_file_of_a_request_says_what_was_agreed_and_survives_json() -> None:
    options = SubmitOptions(quality=40, format="webp", failed_slots="empty", metadata={"a": 1})
    request = agreed(images_of(5), options=options)
    assert (request.rows, request.images_total, request.chunks_total) == (5, 5, 3)
    assert (request.chunk_size, request.window, request.lane) == (LIMITS.chunk_size, LIMITS.window, "bulk")
    (rendition,) = request.recipe.renditions
    assert (rendition.name, rendition.quality, rendition.format) == ("compressed", 40, "webp")
    assert (request.failed_slots, request.metadata, request.accepted_at) == ("empty", {"a": 1}, NOON)
    assert RequestFile.model_validate_json(request.model_dump_json()) == request
