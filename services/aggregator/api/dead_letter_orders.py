"""What operators may ask for: filters of the list, and orders to replay."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.aggregator.api.parameters import invalid_parameter
from services.aggregator.domain.dead_letter import DeadLetterKind, NotALetterId, letter_id
from services.aggregator.domain.dead_letter_list import NEWEST, OLDEST, LetterPlace, NotACursor, Wanted, place_of_cursor
from services.aggregator.domain.dead_letter_replay import MOST_LETTERS, ReplayOrder
from shared.ids import RequestId

DEFAULT_PAGE = 50
LARGEST_PAGE = 200
LONGEST_CODE = 100
# The longest prefix and topic of ours, partition and offset; a thousand of them are a body that is taken.
LONGEST_ID = 120
LONGEST_CURSOR = 500


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("no code has a NUL character")
    return text


Code = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_CODE), AfterValidator(_storable)]
Name = Annotated[str, StringConstraints(max_length=LONGEST_ID)]


class LetterFilter(BaseModel):
    """Which letters are listed. Another parameter is refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")

    kind: DeadLetterKind | None = Field(default=None, description="Only letters of this kind.")
    code: Code | None = Field(default=None, description="Only letters with this error code.")
    request_id: UUID | None = Field(default=None, description="Only letters of this request.")
    limit: int = Field(default=DEFAULT_PAGE, ge=1, le=LARGEST_PAGE, description="Letters on the page at most.")
    cursor: str | None = Field(default=None, max_length=LONGEST_CURSOR, description="`next_cursor` of the page before.")

    @property
    def wanted(self) -> Wanted:
        return wanted_letters(self.kind, self.code, self.request_id)

    @property
    def before(self) -> LetterPlace:
        return place_named(self.cursor, otherwise=NEWEST)


class ReplayOrderBody(BaseModel):
    """Which letters are replayed: exactly one of `ids`, `code` and `request_id` says it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"code": "http_5xx", "dry_run": True}})

    ids: list[Name] | None = Field(
        default=None, min_length=1, max_length=MOST_LETTERS, description="These letters, named as in the list."
    )
    code: Code | None = Field(default=None, description="Letters with this error code.")
    request_id: UUID | None = Field(default=None, description="Letters of this request.")
    kind: DeadLetterKind | None = Field(default=None, description="With `code` or `request_id`: only of this kind.")
    dry_run: bool = Field(default=False, strict=True, description="Only say what would be done.")
    again: bool = Field(default=False, strict=True, description="With `ids`: also letters that were replayed before.")
    limit: int = Field(
        default=MOST_LETTERS,
        strict=True,
        ge=1,
        le=MOST_LETTERS,
        description="With `code` or `request_id`: letters at most, the oldest first.",
    )
    cursor: str | None = Field(
        default=None,
        max_length=LONGEST_CURSOR,
        description="`next_cursor` of the call before: go on after its letters.",
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if sum(given is not None for given in (self.ids, self.code, self.request_id)) != 1:
            raise ValueError("exactly one of ids, code and request_id is needed")
        if self.ids is not None and (self.kind is not None or self.cursor is not None):
            raise ValueError("kind and cursor go with code or request_id, not with ids")
        if self.again and self.ids is None:
            raise ValueError("again goes with ids only")
        return self

    def order(self) -> ReplayOrder:
        """As the replay takes it; raises the problem `invalid-parameters`."""
        try:
            ids = tuple(letter_id(each) for each in self.ids or ())
        except NotALetterId as error:
            raise invalid_parameter("ids", "not_a_letter_id", str(error)) from error
        return ReplayOrder(
            wanted=wanted_letters(self.kind, self.code, self.request_id),
            ids=ids,
            after=place_named(self.cursor, otherwise=OLDEST),
            limit=self.limit,
            again=self.again,
            dry_run=self.dry_run,
        )


def wanted_letters(kind: DeadLetterKind | None, code: str | None, request_id: UUID | None) -> Wanted:
    return Wanted(kind, code, None if request_id is None else RequestId(str(request_id)))


def place_named(cursor: str | None, *, otherwise: LetterPlace) -> LetterPlace:
    """The place that a cursor names; raises the problem `invalid-parameters`."""
    try:
        return otherwise if cursor is None else place_of_cursor(cursor)
    except NotACursor as error:
        raise invalid_parameter("cursor", "not_a_cursor", str(error)) from error
