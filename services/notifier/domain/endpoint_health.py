"""Endpoints of callbacks (one owner's URL): how long one has been failing, and when it is called no more."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, NewType
from uuid import UUID, uuid5

from services.notifier.domain.progress import Tried
from shared.ids import Owner

EndpointId = NewType("EndpointId", str)
DisabledReason = Literal["gone", "failing"]
"""It answered 410, or nothing but failures came of it for too long."""

GONE: Final = "http_410"

_NAMESPACE: Final = UUID("b8a1f9d2-7a53-5a0e-8a55-0d1c5a7b6e21")


def endpoint_id(owner: Owner, url: str) -> EndpointId:
    """Name an endpoint by whose it is and where."""
    return EndpointId(str(uuid5(_NAMESPACE, f"{len(owner)}|{owner}|{url}")))


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """Since when nothing but failures came, and whether the endpoint is still called."""

    failing_since: datetime | None = None
    last_failed_at: datetime | None = None
    disabled_at: datetime | None = None
    reason: DisabledReason | None = None

    @property
    def is_disabled(self) -> bool:
        return self.disabled_at is not None

    def failing_since_before(self, moment: datetime, disable_after: timedelta) -> datetime:
        """When the failures began of which one more comes now; a silence as long as that makes it the first."""
        if self.failing_since is None or self.last_failed_at is None:
            return moment
        return moment if moment - self.last_failed_at > disable_after else min(self.failing_since, moment)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that fails or is disabled."""

    endpoint_id: EndpointId
    url: str
    health: EndpointHealth


HEALTHY: Final = EndpointHealth()


def health_after(before: EndpointHealth, tried: Tried, disable_after: timedelta) -> EndpointHealth:
    """What an attempt says of its endpoint. Only a person enables one again that was disabled."""
    attempt = tried.attempt
    if before.is_disabled or tried.says_nothing:
        return before
    if attempt.succeeded:
        return HEALTHY
    since = before.failing_since_before(attempt.at, disable_after)
    failing = EndpointHealth(since, attempt.at)
    if attempt.error is not None and attempt.error.code == GONE:
        return replace(failing, disabled_at=attempt.at, reason="gone")
    if attempt.at - since >= disable_after:
        return replace(failing, disabled_at=attempt.at, reason="failing")
    return failing
