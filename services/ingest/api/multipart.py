"""multipart/form-data, piece by piece: what a part is and what it holds, without waiting for its end."""

from typing import Final, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, MultipartState, parse_options_header

from shared.http.problems import Problem

_MALFORMED: Final = "The multipart body is malformed or cut off. Send it again with a client that writes multipart."


class PartBegin(NamedTuple):
    name: str
    is_file: bool


class PartData(NamedTuple):
    data: bytes


class PartEnd(NamedTuple):
    pass


PartEvent = PartBegin | PartData | PartEnd


class MultipartEvents:
    """Push parser: takes bytes, gives what they mean. A malformed body is a `Problem` with status 400."""

    def __init__(self, boundary: bytes) -> None:
        self._events: list[PartEvent] = []
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                },
            )
        except FormParserError as error:
            raise malformed() from error

    def feed(self, data: bytes) -> list[PartEvent]:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise malformed() from error
        events, self._events = self._events, []
        return events

    def finish(self) -> None:
        """Raise unless the body was complete."""
        if self._parser.state != MultipartState.END:
            raise malformed()

    def _on_part_begin(self) -> None:
        self._disposition = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        kind, parameters = parse_options_header(self._disposition)
        name = parameters.get(b"name")
        if kind != b"form-data" or name is None:
            raise malformed()
        self._events.append(PartBegin(name.decode("utf-8", "replace"), b"filename" in parameters))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(PartData(data[start:end]))

    def _on_part_end(self) -> None:
        self._events.append(PartEnd())


def malformed() -> Problem:
    return Problem(400, "malformed-multipart", _MALFORMED)
