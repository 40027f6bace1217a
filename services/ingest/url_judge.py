"""URLs are judged by the parser and the gate that later fetch and call them, so that both understand the same."""

from collections.abc import Sequence
from typing import Final

from services.ingest.domain.url_cell import UrlProblem
from shared.errors import Permanent
from shared.safe_http.addresses import Network
from shared.safe_http.gate import Gate
from shared.safe_http.urls import DEFAULT_PORTS, parse_url

_PORT: Final = "The URL's port is neither 80 nor 443."


def url_judge(allow_networks: Sequence[Network]) -> UrlProblem:
    """Judge URLs by what they say alone: a host name is looked up when it is fetched, and judged again.

    `allow_networks` may be fetched from and called on any port; a name may turn out to be in one of them.
    """
    gate = Gate(allow_networks)

    def url_problem(url: str) -> str | None:
        try:
            parsed = parse_url(url)
            gate.check_literal(parsed)
        except Permanent as refusal:
            return refusal.message
        return None if allow_networks or parsed.port in DEFAULT_PORTS else _PORT

    return url_problem
