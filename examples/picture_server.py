"""The shop whose pictures the demo compresses: a picture for each name, a page, and links that lead nowhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from mimetypes import guess_type
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from examples.local_server import QuietHandler, serving

PICTURES: Final = Path(__file__).parent / "pictures"
PAGE: Final = b"<!doctype html><title>About eyes</title><p>This is a page, not a picture.</p>"


def picture_file(url: str) -> Path | None:
    """The file behind a URL. `/sized/<options>/<name>` is how image servers name a size, with commas in it."""
    parts = unquote(urlsplit(url).path).strip("/").split("/")
    if parts[0] == "sized":
        parts = parts[2:]
    path = PICTURES / parts[0] if len(parts) == 1 else None
    return path if path is not None and path.suffix != ".md" and path.is_file() else None


class PictureHandler(QuietHandler):
    """Answers GET with pictures."""

    def do_GET(self) -> None:  # noqa: N802 - the base class names it
        """Send a picture, the page, or 404."""
        picture = picture_file(self.path)
        if picture is not None:
            self.answer(HTTPStatus.OK, guess_type(picture.name)[0] or "image/webp", picture.read_bytes())
        elif self.path.startswith("/pages/"):
            self.answer(HTTPStatus.OK, "text/html; charset=utf-8", PAGE)
        else:
            self.answer(HTTPStatus.NOT_FOUND, "text/plain", b"There is no such picture.\n")


@contextmanager
def picture_server() -> Iterator[str]:
    """Serve the example pictures; yields the address."""
    with serving(PictureHandler) as address:
        yield address
