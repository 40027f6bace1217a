"""Fetches all pictures of a request into a folder: a few at a time, each whole or not at all.

What is there already is not fetched again, so an interrupted download goes on where it stopped.
"""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pixelmill.api_answers import Image
from pixelmill.api_client import ApiClient
from pixelmill.api_refusals import Refused
from pixelmill.saved_files import saving

AT_ONCE: Final = 8
_PICTURE: Final = re.compile(r"/v1/images/([0-9a-f-]+)/([0-9]+)/([A-Za-z0-9_-]+\.[a-z]+)\?")


@dataclass
class Pictures:
    """What became of the pictures; `lost` names those that could not be fetched, and why."""

    saved: int = 0
    present: int = 0
    lost: dict[str, str] = field(default_factory=dict)


def save_pictures(client: ApiClient, request_id: str, folder: Path) -> Pictures:
    """Save every rendition of every image that succeeded; one that serves several slots is saved once."""
    folder.mkdir(exist_ok=True)
    done = Pictures()
    seen: set[str] = set()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for page in client.pictured(request_id):
            wanted = {name: url for name, url in _named(page, request_id) if name not in seen}
            seen |= wanted.keys()
            missing = {name: url for name, url in wanted.items() if not (folder / name).exists()}
            done.present += len(wanted) - len(missing)
            outcomes = pool.map(lambda item: _save(client, item[1], folder / item[0]), missing.items())
            _count(done, missing, outcomes)
    return done


def _named(images: Iterable[Image], request_id: str) -> Iterator[tuple[str, str]]:
    """A file name for each URL: its index and rendition, and before them the request if it is an earlier one's."""
    for image in images:
        for rendition in image.renditions:
            if found := _PICTURE.search(rendition.url):
                owner, index, file = found.groups()
                yield f"{'' if owner == request_id else f'{owner}-'}{index}-{file}", rendition.url


def _save(client: ApiClient, url: str, target: Path) -> str | None:
    """Why the picture could not be saved; None when it was."""
    try:
        with saving(target) as file:
            client.save_picture(url, file)
    except Refused as refused:
        return str(refused)
    return None


def _count(done: Pictures, wanted: Iterable[str], outcomes: Iterable[str | None]) -> None:
    for name, reason in zip(wanted, outcomes, strict=True):
        if reason is None:
            done.saved += 1
        else:
            done.lost[name] = reason
