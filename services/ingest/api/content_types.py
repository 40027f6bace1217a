"""What a submission's body is, told from its headers."""

import re
from typing import Final, Literal, NamedTuple

from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from shared.http.problems import Problem

# What browsers, Excel on Windows and scripts call a CSV. Whether it is one, the bytes say.
CSV_TYPES: Final = frozenset(
    {
        "text/csv", "text/x-csv", "text/plain", "text/comma-separated-values", "text/tab-separated-values",
        "application/csv", "application/x-csv", "application/vnd.ms-excel",
    }
)  # fmt: skip
_BYTES: Final = "application/octet-stream"
_FORM: Final = "multipart/form-data"
_CSV_NAME: Final = re.compile(rb".+\.(?:csv|tsv|txt)", re.IGNORECASE | re.DOTALL)


class ContentType(NamedTuple):
    """A CSV alone, with the charset that its sender names, or a form with its boundary."""

    kind: Literal["csv", "form"]
    charset: str | None = None
    boundary: bytes = b""


def content_type_of(request: Request) -> ContentType:
    """The form of the body; a `Problem` with status 415 when it is none that is taken."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "unsupported-encoding", "Compressed bodies are not taken. Send the CSV as it is.")
    kind, parameters = _parsed(request.headers.get("content-type", ""))
    if kind == _FORM and parameters.get(b"boundary"):
        return ContentType("form", boundary=parameters[b"boundary"])
    if kind in CSV_TYPES or (kind == _BYTES and _is_named_csv(request)):
        charset = parameters.get(b"charset")
        return ContentType("csv", charset=None if charset is None else charset.decode("latin-1"))
    raise Problem(
        415,
        "unsupported-media-type",
        "Send the CSV as the part `file` of a multipart/form-data body, or as a text/csv body. "
        "An application/octet-stream body needs a Content-Disposition with a file name that ends in .csv.",
        headers={"Accept-Post": "multipart/form-data, text/csv"},
    )


def wants_csv(request: Request) -> bool:
    """Whether errors are asked for as CSV."""
    accepted = ",".join(request.headers.getlist("accept")).split(",")
    return any(item.partition(";")[0].strip().lower() == "text/csv" for item in accepted)


def _is_named_csv(request: Request) -> bool:
    _, parameters = _parsed(request.headers.get("content-disposition", ""))
    return _CSV_NAME.fullmatch(parameters.get(b"filename", b"")) is not None


def _parsed(header: str) -> tuple[str, dict[bytes, bytes]]:
    value, parameters = parse_options_header(header)
    return value.decode("latin-1").lower(), parameters
