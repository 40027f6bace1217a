"""A CSV of pictures, as a benchmark submits it."""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pixelmill.api_answers import Accepted
from pixelmill.api_client import ApiClient, Submission

HEADER: Final = "Serial Number,Product Name,Image URLs\n"


def submit_pictures(api: ApiClient, urls: Iterable[str], options: Mapping[str, str] | None = None) -> Accepted:
    """Write a CSV with one picture a row, and submit it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pictures.csv"
        with path.open("w", encoding="utf-8") as file:
            file.write(HEADER)
            for number, url in enumerate(urls, start=1):
                file.write(f"{number},Product {number},{url}\n")
        accepted = api.submit(Submission(path, dict(options or {})), lambda _count: None)
    assert isinstance(accepted, Accepted), "only a dry run is answered otherwise"
    return accepted
