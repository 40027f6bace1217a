"""The cell of image URLs: how it is split, and which URLs may be fetched at all."""

import re
from collections.abc import Callable
from typing import Final

UrlProblem = Callable[[str], str | None]
"""Says in a sentence why a URL cannot be fetched, judged by its syntax alone; None when it can."""

# A comma or a bar separates only before a scheme, so both survive inside a URL; a newline always separates.
# It starts with one set of characters, which lets the engine skip everything between separators.
_SEPARATOR: Final = re.compile(r"[,|\r\n](?:(?<=[\r\n])|(?=\s*https?://))", re.IGNORECASE)
_STRAY: Final = " \t\r\n,|"

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# Most URLs are certainly well formed and need no parser: letters, digits and what is harmless in a path.
_PLAIN: Final = re.compile(rf"https?://(?:{_LABEL}\.){{1,8}}[A-Za-z]{{2,63}}(?:/[A-Za-z0-9._~!$'()*+,;=:@/?&-]*)?")


def split_urls(cell: str) -> list[str]:
    """Split a cell into its URLs, in order. Stray separators at the ends belong to no URL."""
    stripped = cell.strip(_STRAY)
    if not stripped:
        return []
    if "," not in stripped and "\n" not in stripped and "|" not in stripped and "\r" not in stripped:
        return [stripped]
    return [url for url in (part.strip(_STRAY) for part in _SEPARATOR.split(stripped)) if url]


def is_plain_url(url: str) -> bool:
    """Whether a URL is so plain that every parser takes it."""
    return _PLAIN.fullmatch(url) is not None
