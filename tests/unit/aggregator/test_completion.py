"""Counts, end states, percentages and signatures."""

from urllib.parse import parse_qs, urlsplit

import pytest

from services.aggregator.domain.completion import Tally, TallyLine, end_state, saved_percent, tally_of
from services.aggregator.domain.status import percent_done, visible_state
from shared.picture_urls import PictureUrls


def test_bytes_count_only_what_succeeded_and_codes_come_most_frequent_first() -> None:
    tally = tally_of(
        [
            TallyLine("failed", "timeout", 1, 50, 0),
            TallyLine("failed", "http_404", 3, 0, 0),
            TallyLine("succeeded", None, 5, 1000, 400),
            TallyLine("not_attempted", "cancelled", 2, 0, 0),
        ]
    )
    assert (tally.succeeded, tally.failed, tally.not_attempted, tally.done) == (5, 4, 2, 11)
    assert (tally.bytes_in, tally.bytes_out) == (1000, 400)
    assert list(tally.failures_by_code.items()) == [("http_404", 3), ("timeout", 1)]


@pytest.mark.parametrize(
    ("tally", "state"),
    [
        (Tally(succeeded=1, failed=9), "completed"),
        (Tally(succeeded=3), "completed"),
        (Tally(failed=2), "failed"),
        (Tally(), "completed"),
    ],
)
def test_a_request_fails_when_it_has_images_and_none_succeeded(tally: Tally, state: str) -> None:
    assert end_state(tally) == state


def test_savings_have_one_decimal() -> None:
    assert [saved_percent(*pair) for pair in ((36, 9), (3, 1), (0, 0), (100, 130))] == [75.0, 66.7, 0.0, -30.0]


def test_a_hundred_percent_means_that_the_csvs_are_there() -> None:
    assert percent_done(1000, 1000, is_assembled=False) == 99.9
    assert percent_done(1, 3, is_assembled=False) == 33.3
    assert percent_done(0, 0, is_assembled=False) == 0.0
    assert percent_done(0, 0, is_assembled=True) == 100.0


def test_the_state_is_the_end_once_there_is_one() -> None:
    assert visible_state(end_state=None, has_started=False) == "pending"
    assert visible_state(end_state=None, has_started=True) == "processing"
    assert visible_state(end_state="cancelled", has_started=False) == "cancelled"


@pytest.mark.checklist("A6")
def test_a_picture_url_is_the_same_on_any_day_and_in_any_process() -> None:
    one, other = (PictureUrls("https://pixelmill.example", b"key").url("r/0/compressed.jpg") for _ in range(2))
    assert one == other
    assert list(parse_qs(urlsplit(one).query)) == ["s"]


@pytest.mark.checklist("A6")
@pytest.mark.parametrize(
    "key",
    [
        "r/0/compressed.png",
        "r/0/thumbnail.jpg",
        "r/0/compressed.jpg/",
        "r/0//compressed.jpg",
        "r/00/compressed.jpg",
        "R/0/compressed.jpg",
        "r/0/../0/compressed.jpg",
        "q/0/compressed.jpg",
        "",
    ],
)
def test_a_signature_cannot_be_used_for_a_varied_url(key: str) -> None:
    urls = PictureUrls("https://pixelmill.example", b"key")
    signature = urls.url("r/0/compressed.jpg").partition("?s=")[2]
    assert urls.permits("r/0/compressed.jpg", signature)
    assert not urls.permits(key, signature)


@pytest.mark.checklist("A6")
def test_a_picture_url_permits_its_own_key_only() -> None:
    urls = PictureUrls("https://pixelmill.example/", b"key")
    url = urls.url("r/0/compressed.jpg")
    path, _, signature = url.partition("?s=")
    assert path == "https://pixelmill.example/v1/images/r/0/compressed.jpg"
    assert urls.permits("r/0/compressed.jpg", signature)
    assert not urls.permits("r/1/compressed.jpg", signature)
    assert not urls.permits("r/0/compressed.jpg", "")
    assert not urls.permits("r/0/compressed.jpg", "ü")
    assert not PictureUrls("https://pixelmill.example", b"other").permits("r/0/compressed.jpg", signature)
