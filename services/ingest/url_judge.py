"""URLs are judged by the parser that later fetches them, so that both understand the same."""

from shared.errors import Permanent
from shared.safe_http.urls import parse_url


def url_problem(url: str) -> str | None:
    """Why a URL cannot be fetched or called, judged by its syntax alone; None when it can."""
    try:
        parse_url(url)
    except Permanent as refusal:
        return refusal.message
    return None
