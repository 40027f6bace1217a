"""From the bytes of an upload to text, piece by piece: encoding, byte order mark, NUL."""

import codecs
from typing import Final, NamedTuple

from services.ingest.domain.findings import FindingCode

# ASCII means the same bytes in all of these, so delimiters, quotes and line endings do too.
ENCODINGS: Final = (
    "utf-8", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257",
    "iso8859-1", "iso8859-2", "iso8859-5", "iso8859-9", "iso8859-15", "koi8-r", "euc_jp", "euc_kr",
)  # fmt: skip
UTF_8: Final = "utf-8"
# Only with its byte order mark: without one, nothing says which byte comes first.
UTF_16: Final = "utf-16"
_SAME: Final = {"utf-8-sig": UTF_8, "ascii": UTF_8}
_MARKS: Final = (
    (codecs.BOM_UTF8, UTF_8, UTF_8),
    (codecs.BOM_UTF16_LE, UTF_16, "utf-16-le"),
    (codecs.BOM_UTF16_BE, UTF_16, "utf-16-be"),
)
_HEAD_BYTES: Final = 4


class Unreadable(NamedTuple):
    """From this place on the file is no text; nothing after it can be judged."""

    code: FindingCode
    message: str


_WORKBOOK: Final = Unreadable(
    "encoding", "The file is a workbook or a zip archive, no CSV. Export it as CSV in UTF-8 and send that."
)
_FOREIGN_HEADS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_NO_MARK: Final = Unreadable(
    "encoding", "The file is to be UTF-16, but has no byte order mark. Save it as UTF-8, or as UTF-16 with a mark."
)
_NUL: Final = Unreadable("nul_character", "A NUL character: this is no CSV text. Remove it, or save the file as UTF-8.")


class Decoded(NamedTuple):
    text: str
    problem: Unreadable | None


def known_encoding(name: str) -> str | None:
    """The canonical name of an encoding that uploads may have, or None."""
    try:
        found = codecs.lookup(name.strip()).name
    except (LookupError, UnicodeError, ValueError):
        return None
    found = _SAME.get(found, found)
    return found if found in (*ENCODINGS, UTF_16) else None


class TextDecoder:
    """Decodes pieces of bytes in order. A byte order mark wins over the encoding that was named.

    After a problem it must not be used again. `encoding` and `bom` are final once a text was returned.
    """

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self.bom = False
        self._codec = encoding
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head = b""
        self._bytes_before = 0

    def decode(self, data: bytes, *, final: bool = False) -> Decoded:
        """Return the text of the next piece; up to the place of the problem, if there is one."""
        if self._decoder is None:
            data = self._head = self._head + data
            if len(data) < _HEAD_BYTES and not final:
                return Decoded("", None)
            problem = self._look_at_head()
            if problem is not None:
                return Decoded("", problem)
            data, self._head = self._head, b""
        assert self._decoder is not None
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            readable = bytes(error.object[: error.start]).decode(self._codec)
            return Decoded(readable, self._misfit(error, len(data)))
        self._bytes_before += len(data)
        nul = text.find("\0")
        return Decoded(text, None) if nul < 0 else Decoded(text[:nul], _NUL)

    def _look_at_head(self) -> Unreadable | None:
        """Find out how the file is encoded, and take its byte order mark away."""
        if self._head.startswith(_FOREIGN_HEADS):
            return _WORKBOOK
        for mark, encoding, codec in _MARKS:
            if self._head.startswith(mark):
                self.encoding, self._codec, self.bom = encoding, codec, True
                self._head, self._bytes_before = self._head[len(mark) :], len(mark)
                break
        else:
            if self.encoding == UTF_16:
                return _NO_MARK
        self._decoder = codecs.getincrementaldecoder(self._codec)("strict")
        return None

    def _misfit(self, error: UnicodeDecodeError, piece: int) -> Unreadable:
        held_back = len(error.object) - piece
        place = self._bytes_before - held_back + error.start
        byte = error.object[error.start]
        return Unreadable(
            "encoding",
            f"Byte 0x{byte:02x} at offset {place} does not fit the encoding {self.encoding}. "
            "Save the file as UTF-8, or name its encoding with the option `encoding` (for example cp1252).",
        )
