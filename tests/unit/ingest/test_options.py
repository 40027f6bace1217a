"""Options of a submission."""

import pytest

from services.ingest.api.given_options import GivenOptions
from services.ingest.domain.options import SubmitOptions
from shared.http.problems import Problem
from tests.unit.ingest.fakes import JUDGE, RECIPES


def parsed(**given: str) -> SubmitOptions:
    return GivenOptions(given.items(), recipes=RECIPES.names, url_problem=JUDGE).parsed()


def refusal(**given: str) -> tuple[int, list[tuple[str, str]]]:
    with pytest.raises(Problem) as caught:
        parsed(**given)
    return caught.value.status, [(item["column"], item["code"]) for item in caught.value.extra["errors"]]


def test_nothing_given_means_the_defaults() -> None:
    options = parsed()
    assert (options.quality, options.format, options.priority, options.failed_slots) == (
        None,
        None,
        "normal",
        "keep_url",
    )
    assert (options.callback_url, options.metadata, options.encoding) == (None, {}, "utf-8")


def test_all_options_are_read_from_text() -> None:
    options = parsed(
        callback_url="https://shop.example/hook", quality="40", format="webp", priority="low", on_invalid="keep",
        failed_slots="empty", encoding="Windows-1252", dry_run="true", metadata='{"order": "Ø 17", "n": [1, null]}',
    )  # fmt: skip
    assert (options.quality, options.format, options.priority, options.dry_run) == (40, "webp", "low", True)
    assert (options.on_invalid, options.failed_slots, options.encoding) == ("keep", "empty", "cp1252")
    assert options.metadata == {"order": "Ø 17", "n": [1, None]}


@pytest.mark.checklist("I11")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quality", "0"), ("quality", "96"), ("quality", "fine"), ("format", "bmp"), ("priority", "high"),
        ("encoding", "utf-32"), ("recipe", "poster"), ("callback_url", "ftp://a.example/"), ("callback_url", "https://u:p@a.example/"),
        ("metadata", "[]"), ("metadata", "{"), ("metadata", '{"a": NaN}'), ("metadata", '{"a": 1e999}'),
        ("metadata", '{"a": "\\u0000"}'), ("metadata", '{"a": "\\ud800"}'), ("metadata", "[" * 3000),
        ("metadata", '{"a": "' + "x" * 4096 + '"}'), ("nonsense", "1"),
    ],
)  # fmt: skip
def test_a_value_that_is_not_allowed_is_named(name: str, value: str) -> None:
    status, columns = refusal(**{name: value})
    assert (status, columns[0][0]) == (422, name)


def test_all_wrong_options_come_back_at_once() -> None:
    assert [column for column, _ in refusal(quality="0", format="bmp")[1]] == ["quality", "format"]


def test_an_option_given_twice_is_refused() -> None:
    with pytest.raises(Problem, match="not valid") as caught:
        GivenOptions([("quality", "40"), ("quality", "50")], recipes=RECIPES.names, url_problem=JUDGE)
    assert caught.value.extra["errors"][0]["code"] == "duplicate_option"
