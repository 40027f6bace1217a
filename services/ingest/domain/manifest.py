"""The manifest of a request: its images in order, in chunks of JSON lines."""

from collections.abc import Iterator
from json.encoder import encode_basestring_ascii as _quoted
from typing import NamedTuple

from services.ingest.domain.rows import Row
from shared.request_files import ManifestImage


class ManifestChunk(NamedTuple):
    """One object of the manifest, ready to be stored."""

    number: int
    body: bytes


class ManifestWriter:
    """Numbers the images of a request from 0 and cuts them into chunks."""

    def __init__(self, chunk_size: int) -> None:
        self._chunk_size = chunk_size
        self._lines: list[str] = []
        self._ready: list[ManifestChunk] = []
        self.images = 0
        self.chunks = 0
        self.carried_over = 0

    def add(self, row: Row) -> None:
        # The JSON of a `ManifestImage`, written by hand: a model for each image would cost more than the rest.
        number, line, serial, name, urls, carried = row
        of_row = f'"row":{number},"line":{line},"serial_number":{_quoted(serial)},"product_name":{_quoted(name)}'
        for slot, url in enumerate(urls):
            earlier = ""
            if carried and (carry_over := carried[slot]) is not None:
                earlier = f',"carry_over":{carry_over.model_dump_json()}'
                self.carried_over += 1
            self._lines.append(f'{{"index":{self.images},{of_row},"slot":{slot},"url":{_quoted(url)}{earlier}}}')
            self.images += 1
            if len(self._lines) == self._chunk_size:
                self._cut()

    def take(self, *, final: bool = False) -> list[ManifestChunk]:
        """The chunks that became full since the last call; with `final` also the rest."""
        if final and self._lines:
            self._cut()
        ready, self._ready = self._ready, []
        return ready

    def _cut(self) -> None:
        body = "\n".join(self._lines) + "\n"
        self._ready.append(ManifestChunk(self.chunks, body.encode()))
        self.chunks += 1
        self._lines = []


def read_manifest_chunk(body: bytes) -> Iterator[ManifestImage]:
    """The images of a stored chunk, in order of `index`."""
    return (ManifestImage.model_validate_json(line) for line in body.splitlines() if line)
