"""Bodies that are read whole are small: whoever calls may be anybody, and is known only after the body was read."""

from collections.abc import Collection
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The largest that a document allows fits: an order to replay a thousand dead letters by name.
MAX_BODY_BYTES: Final = 128 * 1024


class BodyTooLarge(HTTPException):
    """A body is larger than any that is taken here."""

    def __init__(self) -> None:
        # An exception of HTTP's own: FastAPI takes any other one for JSON that cannot be read.
        super().__init__(413)


class SmallBodies:
    """Raises `BodyTooLarge` in whoever reads more of a body than `MAX_BODY_BYTES`, whatever length was announced.

    POSTs to the paths of `uploads` are left alone: those count for themselves.
    """

    def __init__(self, app: ASGIApp, *, uploads: Collection[str] = ()) -> None:
        self._app = app
        self._uploads = frozenset(uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"] == "POST" and scope["path"] in self._uploads):
            await self._app(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MAX_BODY_BYTES:
                raise BodyTooLarge
            return message

        await self._app(scope, counted, send)
