"""Posts to callback URLs through the safe HTTP client."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

from services.notifier.courier import Answer
from shared.safe_http import Answered, retry_after_seconds

MAX_RESPONSE_BYTES: Final = 16 * 1024


class SafePosts(Protocol):
    """What is needed of the safe client: addresses checked, redirects not followed, one deadline for everything."""

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        deadline_seconds: float,
        max_response_bytes: int,
    ) -> Answered: ...


class HttpCallback:
    def __init__(
        self,
        client: SafePosts,
        *,
        timeout_seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._now = now
        self._timeout_seconds = timeout_seconds

    async def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Return any answer, a refusal too. Without one raise `Permanent` or `Transient`."""
        answered = await self._client.post(
            url,
            body,
            headers,
            deadline_seconds=self._timeout_seconds,
            max_response_bytes=MAX_RESPONSE_BYTES,
        )
        retry_after = retry_after_seconds(answered.headers.get("retry-after"), now=self._now())
        return Answer(answered.status, answered.body, retry_after)
