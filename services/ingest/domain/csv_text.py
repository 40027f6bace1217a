"""From the bytes of an upload to text, piece by piece: encoding, byte order mark, NUL."""

import codecs
import encodings
import re
from encodings.aliases import aliases
from typing import Final, NamedTuple, get_args

from services.ingest.domain.findings import FindingCode
from shared.request_files import Encoding

UTF_8: Final = "utf-8"
# Only with its byte order mark: without one, nothing says which byte comes first.
UTF_16: Final = "utf-16"
ENCODINGS: Final[tuple[Encoding, ...]] = tuple(name for name in get_args(Encoding) if name != UTF_16)
_SAME: Final[dict[str, Encoding]] = {"utf-8-sig": UTF_8, "ascii": UTF_8}
_KNOWN: Final[dict[str, Encoding]] = {**{name: name for name in (*ENCODINGS, UTF_16)}, **_SAME}
_NAMES: Final = {*aliases, *aliases.values(), *map(encodings.normalize_encoding, _KNOWN)}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9 ._:-]{0,39}")
_MARKS: Final[tuple[tuple[bytes, Encoding, str], ...]] = (
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


def known_encoding(name: str) -> Encoding | None:
    """The canonical name of an encoding that uploads may have, or None."""
    name = name.strip().lower()
    if not _NAME.fullmatch(name):
        return None
    written = encodings.normalize_encoding(name)
    # Python keeps every name that it was ever asked for, so it is asked for few.
    if written not in _NAMES:
        return None
    try:
        return _KNOWN.get(codecs.lookup(written).name)
    except LookupError:
        return None  # Some have a name everywhere, and a codec on one system alone.


class TextDecoder:
    """Decodes pieces of bytes in order. A byte order mark wins over the encoding that was named.

    After a problem it must not be used again. `encoding` and `bom` are final once a text was returned.
    """

    def __init__(self, encoding: Encoding) -> None:
        self.encoding: Encoding = encoding
        self.bom = False
        self._codec: str = encoding
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
            return _up_to_nul(readable, self._misfit(error, len(data)))
        self._bytes_before += len(data)
        return _up_to_nul(text, None)

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


def _up_to_nul(text: str, problem: Unreadable | None) -> Decoded:
    nul = text.find("\0")
    return Decoded(text, problem) if nul < 0 else Decoded(text[:nul], _NUL)
