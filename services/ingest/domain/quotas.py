"""How much one API key may ask for: what is accepted within an hour, and what is under way at once.

Hours are those of the clock, in UTC. A limit of 0 is none.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

HOUR: Final = timedelta(hours=1)
_LARGEST: Final = 2**53
Limit = Annotated[int, Field(ge=0, le=_LARGEST, strict=True)]


class Quotas(BaseModel):
    """Limits of one key. 0 is no limit; null is what the server has for everyone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_hour: Limit | None = Field(default=None, description="Requests accepted within an hour, retries too.")
    rows_per_hour: Limit | None = Field(default=None, description="Rows of these requests.")
    bytes_per_hour: Limit | None = Field(
        default=None, description="Bytes of CSVs that were uploaded, refused ones and dry runs too."
    )
    requests_in_flight: Limit | None = Field(
        default=None, description="Requests that have not ended, and uploads under way."
    )

    @classmethod
    def stored(cls, document: Mapping[str, Any]) -> Self:
        """As they were kept. What another version kept beside them is not known here, and is left out."""
        return cls.model_validate(document, extra="ignore")

    def over(self, others: "Quotas") -> "Quotas":
        """These limits, and those of `others` where these say nothing."""
        return others.model_copy(update=self.model_dump(exclude_none=True))


class Usage(NamedTuple):
    """What was accepted, or is to be."""

    requests: int = 0
    rows: int = 0
    bytes: int = 0

    def plus(self, other: "Usage") -> "Usage":
        return Usage(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Excess(NamedTuple):
    """The quota that stands against it. `is_hopeless` when it alone is more than the quota, even of a new hour."""

    quota: str
    limit: int
    free_at: datetime | None
    is_hopeless: bool = False


def hour_of(moment: datetime) -> datetime:
    """When the hour of the clock began."""
    return moment.replace(minute=0, second=0, microsecond=0)


def excess_of(asked: Usage, together: Usage, *, hour: datetime, limits: Quotas) -> Excess | None:
    """The first quota of the hour that is broken by `together`, of which `asked` is a part."""
    for name in Usage._fields:
        quota = f"{name}_per_hour"
        limit: int = getattr(limits, quota) or 0
        if limit and getattr(together, name) > limit:
            return Excess(quota, limit, hour + HOUR, is_hopeless=getattr(asked, name) > limit)
    return None


def excess_in_flight(in_flight: int, limits: Quotas) -> Excess | None:
    """Whether more is under way than may be."""
    limit = limits.requests_in_flight or 0
    return Excess("requests_in_flight", limit, free_at=None) if limit and in_flight > limit else None
