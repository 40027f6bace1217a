"""Compressed pictures by stable URLs: the signature is the permission, the bytes come from object storage."""

from datetime import timedelta
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Path, Query
from fastapi.responses import RedirectResponse

from shared.http.documented_problems import problem_answers
from shared.http.problems import Problem
from shared.picture_urls import PictureUrls

_ANSWERS: Final = {
    302: {"description": "Redirects to the picture in object storage, for a short while."},
    **problem_answers(
        {
            403: ("wrong-signature", "The URL is not one that we made."),
            410: ("picture-deleted", "The picture was deleted with its request."),
        }
    ),
}


class Pictures(Protocol):
    async def exists(self, bucket: str, key: str) -> bool: ...

    def presigned_get(self, bucket: str, key: str, *, valid_for: timedelta) -> str: ...


def pictures_router(pictures: Pictures, bucket: str, urls: PictureUrls, *, valid_for: timedelta) -> APIRouter:
    router = APIRouter(tags=["pictures"])

    @router.get(
        "/v1/images/{request_id}/{index}/{file}",
        summary="Show a compressed picture",
        response_class=RedirectResponse,
        status_code=302,
        responses=_ANSWERS,
    )
    async def picture(
        request_id: Annotated[str, Path()],
        index: Annotated[str, Path()],
        file: Annotated[str, Path()],
        s: Annotated[str, Query(description="The signature, as it stands in the URL that was given.")] = "",
    ) -> RedirectResponse:
        """Redirects to the picture for a short while; 410 when it was deleted."""
        key = f"{request_id}/{index}/{file}"
        if not urls.permits(key, s):
            raise Problem(403, "wrong-signature", "This URL is not one that we made. Use it exactly as it was given.")
        if not await pictures.exists(bucket, key):
            raise Problem(410, "picture-deleted", "The picture was deleted with its request.")
        location = pictures.presigned_get(bucket, key, valid_for=valid_for)
        headers = {"Cache-Control": f"private, max-age={int(valid_for.total_seconds()) // 2}"}
        return RedirectResponse(location, status_code=302, headers=headers)

    return router
