"""What one safe client may do, and for how long."""

from dataclasses import dataclass

from shared.safe_http.addresses import Network


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """`timeout_seconds` bounds a fetch as a whole: look-up, connection, redirects and every byte of the body.

    `per_host` caps what is open towards one scheme, host and port; waiting for a place does not count as time.
    """

    allow_networks: tuple[Network, ...] = ()
    timeout_seconds: float = 30.0
    connect_timeout_seconds: float = 5.0
    per_host: int = 8
    max_redirects: int = 5
    user_agent: str = "Pixelmill/0.1"
