"""Text on its way into an object: encoded, counted into a checksum, and sent on in pieces. Used in a thread."""

import codecs
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from services.aggregator.adapters.thread_bridge import ThreadBridge
from services.aggregator.domain.output_csv import csv_line
from shared.object_store import ObjectWriter
from shared.request_files import CsvShape

PIECE_CHARACTERS: Final = 256 * 1024


class TextSink:
    """Takes text in lines or parts of them; `flush` sends on what is held."""

    def __init__(self, writer: ObjectWriter, bridge: ThreadBridge, *, encoding: str = "utf-8") -> None:
        self._writer = writer
        self._bridge = bridge
        self._encoder = codecs.getincrementalencoder(encoding)()
        self._digest = sha256()
        self._held: list[str] = []
        self._characters = 0

    @property
    def sha256(self) -> str:
        """The checksum of all that was sent on."""
        return self._digest.hexdigest()

    def add(self, text: str) -> None:
        self._held.append(text)
        self._characters += len(text)
        if self._characters >= PIECE_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        data = self._encoder.encode("".join(self._held))
        self._held, self._characters = [], 0
        self._digest.update(data)
        self._bridge.call(_written(self._writer, data))


class CsvSink(TextSink):
    """Takes rows, and writes them in a dialect."""

    def __init__(self, writer: ObjectWriter, bridge: ThreadBridge, shape: CsvShape) -> None:
        super().__init__(writer, bridge, encoding=shape.encoding)
        self._shape = shape
        if shape.bom:
            self.add("\ufeff")

    def write(self, cells: Sequence[str]) -> None:
        self.add(csv_line(cells, delimiter=self._shape.delimiter, line_ending=self._shape.line_ending))


async def _written(writer: ObjectWriter, data: bytes) -> None:
    await writer.write(data)
