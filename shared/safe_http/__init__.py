"""The one way out: sources are fetched and callbacks called through `SafeClient`, under a `FetchPolicy`."""

from shared.safe_http.addresses import permitted
from shared.safe_http.client import Answered, Fetched, SafeClient
from shared.safe_http.errors import retry_after_seconds
from shared.safe_http.policy import FetchPolicy
from shared.safe_http.settings import FetchSettings
from shared.safe_http.urls import parse_url

__all__ = [
    "Answered",
    "FetchPolicy",
    "FetchSettings",
    "Fetched",
    "SafeClient",
    "parse_url",
    "permitted",
    "retry_after_seconds",
]
