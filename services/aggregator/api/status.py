"""`GET /v1/requests` and `GET /v1/requests/{id}`: how far requests are."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from services.aggregator.api.parameters import INVALID_PARAMETERS, invalid_parameter
from services.aggregator.api.status_answer import RequestList, RequestStatus
from services.aggregator.api.statuses import Statuses
from services.aggregator.domain.request_list import ListQuery, Place, first_place
from services.aggregator.domain.status import VisibleState
from shared.http.callers import OWNERS_ONLY, UNKNOWN_REQUEST, Callers, known_form
from shared.http.documented_problems import problem_answers
from shared.http.moments import Moment
from shared.ids import Owner, RequestId
from shared.list_cursors import NotACursor

DEFAULT_PAGE = 50
LARGEST_PAGE = 500


class RequestFilter(BaseModel):
    """Which requests are listed. Another parameter is refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")

    state: VisibleState | None = Field(default=None, description="Only requests in this state.")
    since: Moment | None = Field(default=None, description="Only requests submitted at this moment or later.")
    until: Moment | None = Field(default=None, description="Only requests submitted before this moment.")
    limit: int = Field(default=DEFAULT_PAGE, ge=1, le=LARGEST_PAGE, description="Requests on the page at most.")
    cursor: str | None = Field(default=None, max_length=200, description="`next_cursor` of the page before.")

    def query(self, owner: Owner) -> ListQuery:
        """What is looked for; raises the problem `invalid-parameters`."""
        if self.since is None:
            return ListQuery(owner, self.limit, self.state, after=self._first())
        return ListQuery(owner, self.limit, self.state, self.since, self._first())

    def _first(self) -> Place:
        try:
            return first_place(until=self.until, cursor=self.cursor)
        except NotACursor as error:
            raise invalid_parameter("cursor", "not_a_cursor", str(error)) from error


def status_router(statuses: Statuses, *, callers: Callers) -> APIRouter:
    router = APIRouter(tags=["requests"])

    @router.get(
        "/v1/requests", summary="List requests", responses=problem_answers({**OWNERS_ONLY, **INVALID_PARAMETERS})
    )
    async def requests(
        response: Response,
        owner: Annotated[Owner, Depends(callers.owner)],
        wanted: Annotated[RequestFilter, Query()],
    ) -> RequestList:
        """Your requests, newest first, each as its status shows it. A request is listed from its 202 on."""
        response.headers["Cache-Control"] = "no-store"
        return await statuses.listed(wanted.query(owner))

    @router.get(
        "/v1/requests/{request_id}",
        summary="Show a request",
        responses=problem_answers({**OWNERS_ONLY, **UNKNOWN_REQUEST}),
    )
    async def status(
        response: Response,
        owner: Annotated[Owner, Depends(callers.owner)],
        request_id: Annotated[RequestId, Depends(known_form)],
    ) -> RequestStatus:
        """How far the request is. 100 % means that the CSVs are there."""
        response.headers["Cache-Control"] = "no-store"
        return await statuses.status(request_id, owner)

    return router
