"""The cell of image URLs."""

import random
import time

import pytest

from services.ingest.domain.url_cell import is_plain_url, split_urls
from tests.unit.ingest.fakes import JUDGE

A, B = "https://a.example/1.jpg", "http://b.example/2.jpg"


@pytest.mark.parametrize(
    "cell",
    [
        f"{A},{B}", f"{A}, {B}", f" {A} ,\t{B} ", f"{A}\n{B}", f"{A}\r\n{B}", f"{A},\n{B}", f"{A}|{B}", f"{A} | {B}",
        f"{A},,{B}", f"{A},{B},", f",{A},{B}\n",
    ],
)  # fmt: skip
def test_separators_between_urls(cell: str) -> None:
    assert split_urls(cell) == [A, B]


def test_commas_and_bars_inside_a_url_survive() -> None:
    cell = "https://a.example/w_100,h_50/x|y.jpg?a=1,2,HTTP://b.example/z,q.jpg"
    assert split_urls(cell) == ["https://a.example/w_100,h_50/x|y.jpg?a=1,2", "HTTP://b.example/z,q.jpg"]


def test_a_url_inside_a_url_is_not_split() -> None:
    assert split_urls("https://cdn.example/fetch/https://a.example/1.jpg") == [
        "https://cdn.example/fetch/https://a.example/1.jpg"
    ]


@pytest.mark.parametrize("cell", ["", "  ", ",", "\n", ", ,|"])
def test_a_cell_of_separators_holds_no_url(cell: str) -> None:
    assert split_urls(cell) == []


def test_splitting_is_linear() -> None:
    started = time.process_time()
    split_urls(("," * 60_000) + " " * 60_000 + "x")
    split_urls((", " * 60_000) + "x")
    assert time.process_time() - started < 2


@pytest.mark.checklist("I11")
@pytest.mark.parametrize(
    "url",
    [
        A, B, "https://a.example", "https://a.example:443/x.png?y=1#part", "HTTPS://A.EXAMPLE/x", "http://[2606:4700::1]/x",
        "https://bücher.example/ü.jpg", "https://a.example/with space.jpg", "http://8.8.8.8/x", "https://a_b.example/",
    ],
)  # fmt: skip
def test_urls_that_can_be_fetched(url: str) -> None:
    assert JUDGE(url) is None


@pytest.mark.checklist("I11")
@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/1.jpg", "a.example/1.jpg", "/1.jpg", "https:///1.jpg", "https://", "http://user@a.example/",
        "http://user:pw@a.example/", "http://a.example:99999/", "http://a.example:x/", "http://a.example/\x07",
        "http://a.example/\tx", "javascript:alert(1)", "file:///etc/passwd", "http://a..example/",
    ],
)  # fmt: skip
def test_urls_that_cannot_be_fetched(url: str) -> None:
    assert not is_plain_url(url)
    assert JUDGE(url) is not None


def test_what_is_plain_is_taken_by_the_parser_that_fetches() -> None:
    chance = random.Random(3)
    alphabet = "abZ019.-_~:/?#[]@!$&'()*+,;=%| "
    plain = 0
    for _ in range(20_000):
        url = "http" + chance.choice(["", "s"]) + "://" + "".join(chance.choices(alphabet, k=chance.randint(1, 14)))
        if is_plain_url(url + ".com/" + "".join(chance.choices(alphabet, k=5))):
            plain += 1
            assert JUDGE(url) is None or JUDGE(url + ".com/") is None
    assert plain > 100
