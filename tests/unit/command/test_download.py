"""`pixelmill download`: the failures, and the pictures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.scripted_server import Reply
from tests.unit.command.conftest import Command

OUTPUT = "GET /v1/requests/r1/output.csv"
IMAGES = "GET /v1/requests/r1/images"
CSV = Reply(200, b"a,b\n", "text/csv")


def image(index: int, *places: str) -> dict[str, Any]:
    """An image with a rendition at each of these places; the links name a host that only others can reach."""
    urls = [f"https://public.example/v1/images/{place}?s=signed" for place in places]
    return {"index": index, "renditions": [{"name": "compressed", "url": url} for url in urls]}


def page(*images: dict[str, Any], cursor: str | None = None) -> Reply:
    return Reply(200, {"items": list(images), "next_cursor": cursor})


def pictures(command: Command, *places: str) -> None:
    for place in places:
        command.server.on(f"GET /v1/images/{place}", Reply(200, place.encode(), "image/jpeg"))


def asked_pictures(command: Command) -> Sequence[str]:
    return sorted(asked.path for asked in command.server.asked if "/v1/images/" in asked.path)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_failures_are_saved_instead_of_the_output(command: Command, tmp_path: Path) -> None:
    command.server.on("GET /v1/requests/r1/failures.csv", Reply(200, b"row\n", "text/csv"))
    ended = command("download", "r1", "--failures")
    assert ended.exit_code == 0
    assert (tmp_path / "r1-failures.csv").read_bytes() == b"row\n"


def test_every_picture_is_saved_once_under_its_index(command: Command, tmp_path: Path) -> None:
    command.server.on(OUTPUT, CSV)
    shared = image(3, "aa/0/compressed.jpg")
    command.server.on(
        IMAGES.replace("r1", "aa"),
        page(image(0, "aa/0/compressed.jpg", "aa/0/thumbnail.webp"), cursor="0"),
        page(shared, image(4, "bb/9/compressed.png")),
    )
    command.server.on(OUTPUT.replace("r1", "aa"), CSV)
    pictures(command, "aa/0/compressed.jpg", "aa/0/thumbnail.webp", "bb/9/compressed.png")
    ended = command("download", "aa", "--images", "pictures")
    assert ended.exit_code == 0, ended.stderr
    folder = tmp_path / "pictures"
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        "0-compressed.jpg": b"aa/0/compressed.jpg",
        "0-thumbnail.webp": b"aa/0/thumbnail.webp",
        "bb-9-compressed.png": b"bb/9/compressed.png",
    }
    assert len(asked_pictures(command)) == 3
    assert "Saved 3 pictures in pictures" in ended.stderr


def test_pictures_that_are_there_are_not_fetched_again(command: Command, tmp_path: Path) -> None:
    command.server.on(OUTPUT, CSV)
    command.server.on(IMAGES, page(image(0, "aa/0/compressed.jpg"), image(1, "aa/1/compressed.jpg")))
    pictures(command, "aa/1/compressed.jpg")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/aa-0-compressed.jpg").write_bytes(b"from before")
    ended = command("download", "r1", "--images", "pictures", "--json")
    assert ended.exit_code == 0
    assert asked_pictures(command) == ["/v1/images/aa/1/compressed.jpg?s=signed"]
    assert json.loads(ended.stdout)["images"] == {"folder": "pictures", "saved": 1, "present": 1, "lost": {}}


def test_a_picture_that_is_gone_is_named_and_the_others_are_saved(command: Command, tmp_path: Path) -> None:
    command.server.on(OUTPUT, CSV)
    command.server.on(IMAGES, page(image(0, "aa/0/compressed.jpg"), image(1, "aa/1/compressed.jpg")))
    command.server.on("GET /v1/images/aa/0/compressed.jpg", Reply(410, {"detail": "The picture was deleted."}))
    pictures(command, "aa/1/compressed.jpg")
    ended = command("download", "r1", "--images", "pictures")
    assert ended.exit_code == 1
    assert "LOST aa-0-compressed.jpg: The picture was deleted." in ended.stderr
    assert [file.name for file in (tmp_path / "pictures").iterdir()] == ["aa-1-compressed.jpg"]


@pytest.mark.parametrize("folder", ["file", "none/pictures"])
def test_a_folder_that_cannot_be_is_noticed_before_anything_is_fetched(command: Command, folder: str) -> None:
    Path("file").write_text("", "utf-8")
    assert command("download", "r1", "--images", folder).exit_code == 2
    assert command.server.asked == []
