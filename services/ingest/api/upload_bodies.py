"""The two forms of a submission's body: a form with a file, or the CSV alone."""

from collections.abc import AsyncIterator
from typing import Final

from services.ingest.api.body_stream import BodyStream, too_large
from services.ingest.api.given_options import GivenOptions, refused
from services.ingest.api.multipart import MultipartEvents, PartBegin, PartData, PartEnd, PartEvent
from services.ingest.domain.options import SubmitOptions
from shared.http.problems import Problem

FILE_PART: Final = "file"
MAX_FIELD_BYTES: Final = 16 * 1024


class CsvBody:
    """The body is the CSV; all options are in the query."""

    def __init__(self, stream: BodyStream, given: GivenOptions) -> None:
        self._stream = stream
        self._given = given

    def least_bytes(self) -> int:
        return self._stream.declared_bytes()

    async def open(self) -> SubmitOptions:
        return self._given.parsed()

    def pieces(self) -> AsyncIterator[bytes]:
        return self._stream.pieces()

    def options(self) -> SubmitOptions:
        return self._given.parsed()


class FormBody:
    """The CSV is the part `file`; further parts are options, before or after it."""

    def __init__(self, stream: BodyStream, given: GivenOptions, *, boundary: bytes, max_file_bytes: int) -> None:
        self._given = given
        self._max_file_bytes = max_file_bytes
        self._events = _part_events(stream.pieces(), MultipartEvents(boundary))
        self._early: SubmitOptions | None = None

    def least_bytes(self) -> int:
        """What is announced is the size of the form."""
        return 0

    async def open(self) -> SubmitOptions:
        if not await self._read_fields():
            raise Problem(422, "no-file", "The form has no part named `file`. Send the CSV as `file`.")
        self._early = self._given.parsed()
        return self._early

    async def pieces(self) -> AsyncIterator[bytes]:
        size = 0
        async for event in self._events:
            if isinstance(event, PartEnd):
                break
            if isinstance(event, PartData):
                size += len(event.data)
                if size > self._max_file_bytes:
                    raise too_large(self._max_file_bytes)
                yield event.data
        if await self._read_fields():
            raise Problem(422, "several-files", "The form has more than one file. Send one request for each.")

    def options(self) -> SubmitOptions:
        options = self._given.parsed()
        assert self._early is not None
        for name in ("encoding", "recipe"):
            if getattr(options, name) != getattr(self._early, name):
                message = f"The file is read while it arrives: put `{name}` before `file`, or into the query."
                raise refused(name, "too_late", message)
        return options

    async def _read_fields(self) -> bool:
        """Read fields up to the next file; False when the form ends first."""
        async for event in self._events:
            if isinstance(event, PartBegin):
                if event.name == FILE_PART:
                    return True
                if event.is_file:
                    raise Problem(422, "unexpected-file", "A file stands in a part that is not named `file`.")
                self._given.add(event.name, await self._field_value(event.name))
        return False

    async def _field_value(self, name: str) -> str:
        value = bytearray()
        async for event in self._events:
            if not isinstance(event, PartData):
                break
            value += event.data
            if len(value) > MAX_FIELD_BYTES:
                raise refused(name, "too_long", f"The value has more than {MAX_FIELD_BYTES} bytes.")
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise refused(name, "encoding", "The value is not UTF-8.") from error


async def _part_events(pieces: AsyncIterator[bytes], parser: MultipartEvents) -> AsyncIterator[PartEvent]:
    async for piece in pieces:
        for event in parser.feed(piece):
            yield event
    parser.finish()
