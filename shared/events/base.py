"""What all events have in common."""

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from shared.ids import Owner, RequestId


def rfc3339(moment: datetime) -> str:
    """Format a moment as RFC 3339 in UTC with milliseconds, as every interface of Pixelmill shows times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
LARGEST_INTEGER: Final = 2**31 - 1
"""What a column of numbers holds: more images or chunks has no request."""
# Readers look requests up by it: what is no UUID would fail there, again and again, instead of being set aside here.
UUID_FORM: Final = Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", json_schema_extra={"format": "uuid"})
KnownForm = Annotated[RequestId, UUID_FORM]
Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""Text that a database can hold."""
Count = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]


class Value(BaseModel):
    """A frozen part of an event. Unknown fields are ignored: a newer writer may add some."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Value):
    """A fact about one request, as it stands in the value of a record.

    `TYPE` is the CloudEvents type. `key` is the record key and thereby the partition; `identity` names what the
    event says within its type, so that two records which say the same thing carry the same CloudEvents id.
    """

    TYPE: ClassVar[str]

    request_id: KnownForm
    owner: Owner

    @property
    def key(self) -> str:
        return self.request_id

    @property
    def identity(self) -> str:
        return self.request_id
