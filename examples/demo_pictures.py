"""Every picture of the demo before and after, side by side in one folder."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2
from PIL import Image

from examples.demo_catalogue import Slot
from examples.picture_server import picture_file

ORIENTATION_TAG: Final = 0x0112
UPRIGHT: Final = 1


@dataclass(frozen=True)
class Pair:
    """One image that succeeded: the files before and after."""

    slot: Slot
    before: Path
    after: Path

    @property
    def bytes_before(self) -> int:
        return self.before.stat().st_size

    @property
    def bytes_after(self) -> int:
        return self.after.stat().st_size

    @property
    def was_sideways(self) -> bool:
        """Whether the source relies on its EXIF orientation to be seen upright."""
        with Image.open(self.before) as picture:
            return bool(picture.getexif().get(ORIENTATION_TAG, UPRIGHT) != UPRIGHT)

    @property
    def saved_percent(self) -> float:
        return 100 * (1 - self.bytes_after / self.bytes_before)


def fetch_pairs(slots: Iterable[Slot], folder: Path) -> list[Pair]:
    """Download what the output CSV links to, and put each source beside it. The folder is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with httpx2.Client(follow_redirects=True, trust_env=False, timeout=30) as client:
        return [_pair(client, number, slot, folder) for number, slot in enumerate(slots, start=1) if slot.succeeded]


def _pair(client: httpx2.Client, number: int, slot: Slot, folder: Path) -> Pair:
    source = picture_file(slot.source_url)
    assert source is not None, "what succeeded came from the demo's own server"
    before = folder / f"{number:02}-before-{source.name}"
    shutil.copyfile(source, before)
    answer = client.get(slot.output_url).raise_for_status()
    after = folder / f"{number:02}-after-{source.stem}{Path(urlsplit(slot.output_url).path).suffix}"
    after.write_bytes(answer.content)
    return Pair(slot, before, after)
