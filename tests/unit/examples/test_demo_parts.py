"""The parts of the demo that decide whether it went as it has to."""

import csv
import time
from pathlib import Path

import pytest
from PIL import Image

from examples.demo_catalogue import EXPECTED_FAILURES, PLACEHOLDER, Slot, read_slots, surprises, write_catalogue
from examples.picture_server import PICTURES, picture_file
from examples.webhook_receiver import is_genuine
from services.notifier.domain.signature import WebhookSecret, signed_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ORIENTATION = 0x0112


def signed(body: bytes, *, timestamp: int) -> dict[str, str]:
    return dict(signed_headers([WebhookSecret.parse(SECRET)], message_id="d1", timestamp=timestamp, body=body))


def test_the_receiver_believes_what_the_notifier_signs() -> None:
    assert is_genuine(SECRET, signed(b"{}", timestamp=int(time.time())), b"{}")


def test_the_receiver_believes_no_other_body_no_other_secret_and_nothing_old() -> None:
    now = int(time.time())
    assert not is_genuine(SECRET, signed(b"{}", timestamp=now), b"{ }")
    assert not is_genuine("whsec_" + "A" * 32, signed(b"{}", timestamp=now), b"{}")
    assert not is_genuine(SECRET, signed(b"{}", timestamp=now - 3600), b"{}")
    assert not is_genuine(SECRET, {}, b"{}")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://127.0.0.1:1/coffee.jpg", "coffee.jpg"),
        ("/sized/w_600,h_400,q_90/coffee.jpg", "coffee.jpg"),
        ("/gone/sticker-back.png", None),
        ("/README.md", None),
        ("/..%2fcatalogue.csv", None),
        ("/", None),
    ],
)
def test_the_picture_server_has_pictures_and_nothing_else(url: str, name: str | None) -> None:
    found = picture_file(url)
    assert (found.name if found else None) == name


def test_the_catalogue_links_to_pictures_that_exist_but_for_those_that_must_fail(tmp_path: Path) -> None:
    with Path("examples/catalogue.csv").open(encoding="utf-8", newline="") as file:
        urls = [url for row in csv.DictReader(file) for url in row["Image URLs"].split(",http")]
    paths = ["http" + url.removeprefix("http") for url in urls]
    assert {path.removeprefix(PLACEHOLDER) for path in paths if picture_file(path) is None} == set(EXPECTED_FAILURES)
    write_catalogue(tmp_path / "c.csv", "http://127.0.0.1:5")
    assert PLACEHOLDER not in (tmp_path / "c.csv").read_text("utf-8")


def test_every_picture_is_a_picture_with_its_licence_named() -> None:
    named = (PICTURES / "README.md").read_text("utf-8")
    files = [path for path in PICTURES.iterdir() if path.suffix != ".md"]
    assert len(files) >= 12
    for path in files:
        with Image.open(path) as picture:
            picture.load()
        assert f"`{path.name}`" in named


def test_one_photograph_lies_on_its_side_and_one_picture_is_transparent() -> None:
    with Image.open(PICTURES / "rocket-sideways.jpg") as rocket, Image.open(PICTURES / "windmill.png") as windmill:
        assert rocket.getexif()[ORIENTATION] == 6
        assert windmill.getchannel("A").getextrema() == (0, 255)


def test_slots_are_read_in_their_places_also_with_commas_in_a_url(tmp_path: Path) -> None:
    path = tmp_path / "output.csv"
    path.write_text(
        "Serial Number,Product Name,Image URLs,Output Image URLs,Image Statuses\n"
        '1,Cup,"http://a/w_1,h_2/x.jpg,http://a/gone,1.png","http://o/1?s=x,http://a/gone%2C1.png",'
        '"succeeded,http_404"\n',
        "utf-8",
    )
    assert read_slots(path) == [
        Slot(1, "Cup", "http://a/w_1,h_2/x.jpg", "http://o/1?s=x", "succeeded"),
        Slot(1, "Cup", "http://a/gone,1.png", "", "http_404"),
    ]


def test_both_an_unexpected_failure_and_an_unexpected_success_are_surprises() -> None:
    fine = [
        Slot(1, "p", "http://a/x.jpg", "http://o", "succeeded"),
        Slot(1, "p", f"http://a{broken()}", "", "http_404"),
    ]
    wrong = [Slot(2, "p", "http://a/x.jpg", "", "timeout"), Slot(2, "p", f"http://a{broken()}", "o", "succeeded")]
    assert surprises(fine) == []
    assert len(surprises(wrong)) == 2


def broken() -> str:
    return next(path for path, code in EXPECTED_FAILURES.items() if code == "http_404")
