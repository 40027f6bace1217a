"""How a server says no, or nothing at all. Foreign errors end here: as `ServerUnreachable` and `Refused`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2
from pydantic import ValidationError

from pixelmill.api_answers import Part, Problem

P = TypeVar("P", bound=Part)


class ServerUnreachable(Exception):
    """The server does not answer. Is it running? Look with `pixelmill ps`, or check PIXELMILL_URL."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"No answer from {address} ({reason}). Is it running? `pixelmill ps` and `pixelmill env` tell."
        )


class Refused(Exception):
    """The server answered that it will not, and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title or f"The server answered {problem.status}.")
        self.problem = problem


@contextmanager
def reaching(address: str) -> Iterator[None]:
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        parts = urlsplit(address)
        reason = str(error) or type(error).__name__
        raise ServerUnreachable(f"{parts.scheme}://{parts.netloc}", reason) from error


def parsed(answer: httpx2.Response, kind: type[P]) -> P:
    if not answer.is_success:
        raise Refused(problem_of(answer))
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        detail = f"The server at {answer.url.host} does not answer like Pixelmill. Check the address."
        raise Refused(Problem(status=answer.status_code, detail=detail)) from error


def problem_of(answer: httpx2.Response) -> Problem:
    try:
        return Problem.model_validate_json(answer.content)
    except ValidationError:
        detail = f"The server answered {answer.status_code} {answer.reason_phrase}."
        return Problem(status=answer.status_code, detail=detail)
