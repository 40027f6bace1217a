"""From the bytes of an upload to text, piece by piece: encoding, byte order mark, NUL."""

import codecs
from typing import Final, NamedTuple

from services.ingest.domain.findings import FindingCode

# ASCII means the same bytes in all of these, so delimiters, quotes and line endings do too.
ENCODINGS: Final = (
    "utf-8", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257",
    "iso8859-1", "iso8859-2", "iso8859-5", "iso8859-9", "iso8859-15", "koi8-r", "euc_jp", "euc_kr",
)  # fmt: skip
_SAME: Final = {"utf-8-sig": "utf-8", "ascii": "utf-8"}
_MARK: Final = "\ufeff"
_UTF16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ZIP_MARK: Final = b"PK\x03\x04"


class Unreadable(NamedTuple):
    """From this place on the file is no text; nothing after it can be judged."""

    code: FindingCode
    message: str


_UTF16: Final = Unreadable("encoding", "The file is UTF-16. Save it as UTF-8 (in Excel: CSV UTF-8) and send it again.")
_ZIP: Final = Unreadable("encoding", "The file is a workbook or a zip archive, no CSV. Export it as CSV in UTF-8.")
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
    return found if found in ENCODINGS else None


class TextDecoder:
    """Decodes pieces of bytes in order. After a problem it must not be used again."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self._bytes_before = 0
        self._at_start = True
        self.bom = False

    def decode(self, data: bytes, *, final: bool = False) -> Decoded:
        """Return the text of the next piece; up to the place of the problem, if there is one."""
        if self._at_start and data.startswith(_ZIP_MARK):
            return Decoded("", _ZIP)
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            readable = bytes(error.object[: error.start]).decode(self._encoding)
            return Decoded(self._without_mark(readable), self._misfit(error, len(data)))
        nul = text.find("\0")
        if nul >= 0:
            return Decoded(self._without_mark(text[:nul]), _NUL)
        self._bytes_before += len(data)
        return Decoded(self._without_mark(text), None)

    def _without_mark(self, text: str) -> str:
        if not self._at_start or not text:
            return text
        self._at_start = False
        self.bom = self._encoding == "utf-8" and text.startswith(_MARK)
        return text.removeprefix(_MARK) if self.bom else text

    def _misfit(self, error: UnicodeDecodeError, piece: int) -> Unreadable:
        held_back = len(error.object) - piece
        place = self._bytes_before - held_back + error.start
        if place == 0 and bytes(error.object[:2]) in _UTF16_MARKS:
            return Unreadable(
                "encoding", "The file is UTF-16. Save it as UTF-8 (in Excel: CSV UTF-8) and send it again."
            )
        byte = error.object[error.start]
        return Unreadable(
            "encoding",
            f"Byte 0x{byte:02x} at offset {place} does not fit the encoding {self._encoding}. "
            "Save the file as UTF-8, or name its encoding with the option `encoding` (for example cp1252).",
        )
